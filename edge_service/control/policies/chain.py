"""Neurosurgeon's cut: the model is treated as a chain, and only prefixes of the graph's order are splits.

The best prefix is chosen whenever the conditions move, by the rule of `partitioner.decide`: the lowest latency if that
keeps up with the rate, else the lowest latency of those that keep up, else the highest throughput. The cut is sent in
the default encoding, or as packets of its source. See `partitioner.reference.neurosurgeon` for the sources.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edge_service.control.conditions import Conditions
from edge_service.control.plan import Mode
from edge_service.control.policies.policy import Choice, Policy
from edge_service.control.pricing import price
from partitioner import Encoding
from partitioner.evaluate import fits_message
from partitioner.splits import Splits


@dataclass(frozen=True, slots=True)
class _Prefix:
    """A prefix of the order: its number of layers, and its costs at load 1 without those of the link."""

    layers: int
    edge_s: float
    sent_bytes: float
    answer_bytes: float
    cloud_s: float
    offloads: bool

    def times_s(self, conditions: Conditions) -> tuple[float, float]:
        """Latency and bottleneck."""
        edge_s, cloud_s = self.edge_s * conditions.edge_load, self.cloud_s * conditions.cloud_load
        if not self.offloads:
            return edge_s, edge_s
        finite = math.isfinite(self.sent_bytes)
        transfer_s = conditions.link.transfer_s(self.sent_bytes, self.answer_bytes) if finite else math.inf
        if conditions.slow_start is not None and math.isfinite(transfer_s):
            transfer_s += conditions.slow_start.lost_s(self.sent_bytes)
        return edge_s + transfer_s + cloud_s + conditions.fixed_s, max(edge_s, transfer_s, cloud_s)


class Chain(Policy):
    """See the module docstring."""

    name = "chain"

    def __init__(self) -> None:
        # With and without packets: frames that can be sent as these, and frames that cannot, may come in turn.
        self._known: dict[bool, tuple[Splits, tuple[int, ...], tuple[_Prefix, ...]]] = {}

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """The best prefix."""
        order, prefixes = self._of(splits, packets=conditions.packets)
        period_s = conditions.headroom / conditions.rate_hz
        priced = [(*prefix.times_s(conditions), prefix.layers) for prefix in prefixes]
        fastest = min(priced, key=_latency_first)
        keeping_up = [each for each in priced if each[1] < period_s]
        smallest = min(priced, key=_bottleneck_first)
        _, _, count = min(keeping_up, key=_latency_first) if keeping_up else smallest
        edge = frozenset(splits.graph.layers[i].name for i in order[:count])
        mode = Mode.LIGHT if fastest[1] < period_s else Mode.HEAVY
        max_rate_hz = 1.0 / smallest[1] if smallest[1] > 0.0 else math.inf
        return Choice(price(edge, splits, conditions), mode, max_rate_hz)

    def _of(self, splits: Splits, *, packets: bool) -> tuple[tuple[int, ...], tuple[_Prefix, ...]]:
        """The order of the layers, and its prefixes."""
        known = self._known.get(packets)
        if known is None or known[0] is not splits:
            order = _order(splits)
            known = self._known[packets] = splits, order, tuple(_prefixes(splits, order))
        return known[1:]


def _latency_first(priced: tuple[float, float, int]) -> tuple[float, float]:
    return priced[0], priced[1]


def _bottleneck_first(priced: tuple[float, float, int]) -> tuple[float, float]:
    return priced[1], priced[0]


def _order(splits: Splits) -> tuple[int, ...]:
    """The graph's own order, but the model's inputs first: they are on the edge in every split."""
    structure = splits.graph.structure
    return (*structure.inputs, *(i for i, sources in enumerate(structure.predecessors) if sources))


def _prefixes(splits: Splits, order: tuple[int, ...]) -> Iterator[_Prefix]:
    """Every prefix. Sums are updated from prefix to prefix, so all take little longer than pricing one split."""
    graph, costs = splits.graph, splits.costs
    raw = next((each for each in splits.encodings if each.name == "raw"), None) or Encoding.raw(graph)
    structure = graph.structure
    unread = [len(readers) for readers in structure.successors]
    remaining_s = _suffix_sums([costs.cloud_s[i] for i in order])
    crossing: set[int] = set()
    answers = set(structure.outputs)
    edge_s = 0.0
    for count, layer in enumerate(order, 1):
        edge_s += costs.edge_s[layer]
        answers.discard(layer)
        if unread[layer]:
            crossing.add(layer)
        for source in structure.predecessors[layer]:
            unread[source] -= 1
            if not unread[source]:
                crossing.discard(source)
        if count >= len(structure.inputs):
            yield _Prefix(
                layers=count,
                edge_s=edge_s + math.fsum(raw.encode_s[i] for i in crossing),
                sent_bytes=math.fsum(raw.output_bytes[i] for i in crossing)
                if fits_message(graph, crossing) and fits_message(graph, answers)
                else math.inf,
                answer_bytes=float(sum(graph.layers[i].output_bytes for i in answers)),
                cloud_s=remaining_s[count] + math.fsum(raw.decode_s[i] for i in crossing),
                offloads=count < len(order),
            )


def _suffix_sums(values: list[float]) -> list[float]:
    sums = [0.0]
    for value in reversed(values):
        sums.append(sums[-1] + value)
    return sums[::-1]
