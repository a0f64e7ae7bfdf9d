"""The split for a link beside edge-only, cloud-only and the chain cut, and how the choice changes with the uplink."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from partitioner import (
    CostProfile,
    Decision,
    Encoding,
    LayerGraph,
    Link,
    Partition,
    Splits,
    evaluate,
    splits_of,
    tabulate,
)
from partitioner.reference import chain_splits

LOWEST_BPS = 1e5
HIGHEST_BPS = 1e9
_POINTS_PER_DECADE = 25
# Break-points are found to one part in a thousand: no link is known more precisely.
_BREAK_POINT_RATIO = 1.001


@dataclass(frozen=True, slots=True)
class Comparison:
    """A decision and what it is compared with.

    Attributes:
        decision: The decision.
        edge_only: Everything on the edge.
        cloud_only: Everything but the inputs in the cloud, in the encoding that the policy `cloud_only` would choose.
        chain: The best of the splits that treat the model as a chain, the prefixes of the graph's order, by the rule of
            the decision.
        lowest_latency: The split for light load.
        highest_throughput: The split for heavy load if none keeps up.
    """

    decision: Decision
    edge_only: Partition
    cloud_only: Partition
    chain: Partition
    lowest_latency: Partition
    highest_throughput: Partition


@dataclass(frozen=True, slots=True)
class Curve:
    """Latency and throughput of one way of splitting, over the uplinks of its `Curves`.

    Attributes:
        name: Name of the way, for people.
        latency_s: Latency at each uplink.
        throughput_hz: Throughput at each uplink; inf if no stage takes time.
    """

    name: str
    latency_s: tuple[float, ...]
    throughput_hz: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """The ways of splitting over a range of uplinks, in bits per second, ascending."""

    uplink_bps: tuple[float, ...]
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A range of uplinks, in bits per second, with one split in one mode.

    Attributes:
        decision: The decision at `from_bps`; over the range its times change, its split does not.
    """

    from_bps: float
    to_bps: float
    decision: Decision


class Alternatives:
    """The splits of one model on one pair of machines: the best for a link, and what it is compared with.

    Args:
        graph: The model.
        costs: Seconds of its layers.
        encodings: Encodings to choose from; if empty, only raw. The chain is raw, as Neurosurgeon's.

    Attributes:
        splits: The decision seam.
    """

    def __init__(self, graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = ()) -> None:
        self._graph = graph
        self._costs = costs
        splits = splits_of(graph, costs, encodings)
        # Hundreds of decisions follow, so split points are worth their seconds where splits would be searched.
        self.splits: Splits = splits if splits.listed else tabulate(graph, costs, encodings)

    def compare(self, link: Link, rate_hz: float) -> Comparison:
        """Decide, and price what the decision is compared with."""
        decision = self.splits.decide(link, rate_hz)
        chain = list(chain_splits(self._graph, self._costs, link))
        return Comparison(
            decision=decision,
            edge_only=self.edge_only(link),
            cloud_only=self.cloud_only(link, rate_hz),
            chain=_best_for(chain, rate_hz, decision.mode),
            lowest_latency=self.splits.dsl(link),
            highest_throughput=self.splits.dsh(link),
        )

    def edge_only(self, link: Link) -> Partition:
        """Price everything on the edge."""
        return evaluate(self._graph, self._costs, link, frozenset(layer.name for layer in self._graph.layers))

    def cloud_only(self, link: Link, rate_hz: float | None = None) -> Partition:
        """Price everything but the inputs in the cloud, in the best encoding for a rate; for any rate if None."""
        inputs = frozenset(layer.name for layer in self._graph.layers if not layer.inputs)
        priced = [evaluate(self._graph, self._costs, link, inputs, each) for each in self.splits.encodings]
        return _best_for(priced, rate_hz or 0.0, "light" if rate_hz is None else "heavy")

    def curves(self, link: Link) -> Curves:
        """Return latency and throughput for uplinks from `LOWEST_BPS` to `HIGHEST_BPS`, the rest of the link fixed."""
        steps = round(_POINTS_PER_DECADE * math.log10(HIGHEST_BPS / LOWEST_BPS))
        uplink_bps = tuple(LOWEST_BPS * (HIGHEST_BPS / LOWEST_BPS) ** (step / steps) for step in range(steps + 1))
        ways: dict[str, Callable[[Link], Partition]] = {
            "edge only": self.edge_only,
            "cloud only": self.cloud_only,
            "DSL (lowest latency)": self.splits.dsl,
            "DSH (highest throughput)": self.splits.dsh,
        }
        curves = []
        for name, way in ways.items():
            splits = [way(replace(link, uplink_bps=rate_bps)) for rate_bps in uplink_bps]
            curves.append(Curve(name, tuple(s.latency_s for s in splits), tuple(map(max_rate_hz, splits))))
        return Curves(uplink_bps, tuple(curves))

    def sweep(self, link: Link, rate_hz: float) -> tuple[Range, ...]:
        """Return the decisions for uplinks from `LOWEST_BPS` to `HIGHEST_BPS`, the rest of the link fixed."""
        return ranges(lambda uplink_bps: self.splits.decide(replace(link, uplink_bps=uplink_bps), rate_hz))


def max_rate_hz(partition: Partition) -> float:
    """Return the limit of a split's rate: 1 over its bottleneck, inf if no stage takes time."""
    return 1 / partition.bottleneck_s if partition.bottleneck_s > 0 else math.inf


def _best_for(splits: Sequence[Partition], rate_hz: float, mode: str) -> Partition:
    """Return the best of some splits, by the rule of `decide`."""
    if mode == "heavy":
        keeping_up = [split for split in splits if split.bottleneck_s < 1 / rate_hz]
        if not keeping_up:
            return min(splits, key=lambda split: (split.bottleneck_s, split.latency_s))
        splits = keeping_up
    return min(splits, key=lambda split: (split.latency_s, split.bottleneck_s))


def ranges(
    decide_at: Callable[[float], Decision], low_bps: float = LOWEST_BPS, high_bps: float = HIGHEST_BPS
) -> tuple[Range, ...]:
    """Find the ranges between two uplinks over which the choice stays the same.

    It scans in equal ratios, then bisects between neighbours that differ. A choice that holds for less than a step of
    the scan (10 %) may be missed.
    """
    steps = max(1, math.ceil(_POINTS_PER_DECADE * math.log10(high_bps / low_bps)))
    found: list[Range] = []
    start_bps, current = low_bps, decide_at(low_bps)
    below_bps = low_bps
    for step in range(1, steps + 1):
        above_bps = low_bps * (high_bps / low_bps) ** (step / steps)
        while not _same(above := decide_at(above_bps), current):
            break_bps, after = _first_change(decide_at, current, below_bps, above_bps, above)
            found.append(Range(start_bps, break_bps, current))
            start_bps, below_bps, current = break_bps, break_bps, after
        below_bps = above_bps
    return (*found, Range(start_bps, high_bps, current))


def _first_change(
    decide_at: Callable[[float], Decision], current: Decision, below_bps: float, above_bps: float, above: Decision
) -> tuple[float, Decision]:
    """Return the uplink above `below_bps` at which the choice first differs from `current`, and the choice there."""
    while above_bps / below_bps > _BREAK_POINT_RATIO:
        middle_bps = math.sqrt(below_bps * above_bps)
        middle = decide_at(middle_bps)
        if _same(middle, current):
            below_bps = middle_bps
        else:
            above_bps, above = middle_bps, middle
    return above_bps, above


def _same(one: Decision, other: Decision) -> bool:
    return (one.mode, one.partition.edge, one.partition.encoding) == (
        other.mode,
        other.partition.edge,
        other.partition.encoding,
    )
