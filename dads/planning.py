"""What would be chosen, beside the two splits that need no choice, and where the choice changes with the uplink."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from partitioner import (
    CostProfile,
    Decision,
    LayerGraph,
    Link,
    Partition,
    SplitTable,
    TooManySplitsError,
    decide,
    dsh,
    dsl,
    evaluate,
)

LOWEST_BPS = 1e4
HIGHEST_BPS = 1e10
_POINTS_PER_DECADE = 25
# Break-points are found to one part in a thousand: no link is known better.
_BREAK_POINT_RATIO = 1.001


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision beside its two baselines."""

    decision: Decision
    edge_only: Partition
    cloud_only: Partition


@dataclass(frozen=True, slots=True)
class Range:
    """Uplinks, in bits per second, over which one split is chosen in one mode.

    Attributes:
        decision: What is chosen at `from_bps`; its times change over the range, its sets do not.
    """

    from_bps: float
    to_bps: float
    decision: Decision


class Planner:
    """Answers for one model on one pair of machines."""

    def __init__(self, graph: LayerGraph, costs: CostProfile) -> None:
        self._graph = graph
        self._costs = costs
        try:
            self._table: SplitTable | None = SplitTable(graph, costs)
        except TooManySplitsError:
            self._table = None

    def decide(self, link: Link, rate_hz: float) -> Decision:
        """Choose the split for a link and a sampling rate."""
        if self._table is not None:
            return self._table.decide(link, rate_hz)
        return decide(self._graph, self._costs, link, rate_hz)

    def dsl(self, link: Link) -> Partition:
        """Return the split of the lowest latency."""
        return self._table.dsl(link) if self._table is not None else dsl(self._graph, self._costs, link)

    def dsh(self, link: Link) -> Partition:
        """Return the split of the highest throughput."""
        return self._table.dsh(link) if self._table is not None else dsh(self._graph, self._costs, link)

    def plan(self, link: Link, rate_hz: float) -> Plan:
        """Choose, and price everything on the edge and everything in the cloud."""
        layers = self._graph.layers
        everything = frozenset(layer.name for layer in layers)
        inputs = frozenset(layer.name for layer in layers if not layer.inputs)
        return Plan(
            decision=self.decide(link, rate_hz),
            edge_only=evaluate(self._graph, self._costs, link, everything),
            cloud_only=evaluate(self._graph, self._costs, link, inputs),
        )

    def sweep(self, link: Link, rate_hz: float) -> tuple[Range, ...]:
        """Return what is chosen for every uplink from `LOWEST_BPS` to `HIGHEST_BPS`, the link otherwise as given."""
        return ranges(lambda uplink_bps: self.decide(replace(link, uplink_bps=uplink_bps), rate_hz))


def ranges(
    decide_at: Callable[[float], Decision], low_bps: float = LOWEST_BPS, high_bps: float = HIGHEST_BPS
) -> tuple[Range, ...]:
    """Find the ranges of one choice between two uplinks.

    A scan in equal ratios, then bisection between neighbours that differ. A choice that holds for less than a step
    of the scan (10 %) may be missed.
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
    """Narrow down where `current`, chosen at `below_bps`, gives way; return the place and what is chosen there."""
    while above_bps / below_bps > _BREAK_POINT_RATIO:
        middle_bps = math.sqrt(below_bps * above_bps)
        middle = decide_at(middle_bps)
        if _same(middle, current):
            below_bps = middle_bps
        else:
            above_bps, above = middle_bps, middle
    return above_bps, above


def _same(one: Decision, other: Decision) -> bool:
    return one.mode == other.mode and one.partition.edge == other.partition.edge
