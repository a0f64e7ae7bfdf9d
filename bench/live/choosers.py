"""Policies that choose as a benchmark wants: the splits it names, or those of an oracle that knows the link."""

from collections.abc import Collection, Sequence

from bench.live.every_split import EverySplit
from edge_service.control.conditions import Conditions
from edge_service.control.policies import Choice, Given, Policy, keep_to
from edge_service.control.pricing import everything
from link_emulator import Trace
from partitioner import CostProfile, LayerGraph, Splits


class GivenSplits(Given):
    """One split after the other."""

    asked_always = True

    def turn_to(self, edge: Collection[str]) -> None:
        """Runs this one from the next frame on."""
        self._edge = frozenset(edge)


class TracedSplits(EverySplit):
    """Which split ends first over an uplink whose future is known, by the same cost model that decides live.

    `goodput_share` is the payload per byte that the trace counts.
    """

    def __init__(
        self, graph: LayerGraph, edge_s: Sequence[float], cloud_s: Sequence[float], trace: Trace, goodput_share: float
    ) -> None:
        super().__init__(graph, edge_s, cloud_s)
        self._wire_bytes = self.sent_bytes / goodput_share
        self._trace = trace

    def ended_s(self, index: int, begin_s: float, fixed_s: float, link_free_s: float = 0.0) -> tuple[float, float]:
        """When a frame ends, and when its upload does, whose head begins at `begin_s` on the trace's clock."""
        handed_s = begin_s + float(self.head_s[index])
        if index == len(self) - 1:
            return handed_s, link_free_s
        arrived_s = self._trace.time_after(max(handed_s, link_free_s), float(self._wire_bytes[index]))
        return arrived_s + fixed_s + float(self.tail_s[index]), arrived_s

    def best(self, begin_s: float, fixed_s: float, link_free_s: float = 0.0) -> int:
        return min(range(len(self)), key=lambda index: self.ended_s(index, begin_s, fixed_s, link_free_s)[0])


class Oracle(Policy):
    """Takes for each frame the split that ends first, given the uplink's whole future; see `TracedSplits`.

    Attributes:
        zero_s: The trace's beginning on the clock of the conditions; until it is set, everything runs on the edge.
    """

    name = "oracle"
    keeps_to_split = True
    asked_always = True

    def __init__(self, trace: Trace, goodput_share: float) -> None:
        self.zero_s: float | None = None
        self._trace = trace
        self._goodput_share = goodput_share
        self._costs: CostProfile | None = None
        self._traced: TracedSplits | None = None
        self._heads_run = 0
        self._link_free_s = self._arrives_s = 0.0

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """The split that ends first, behind what is on the link already."""
        if self.zero_s is None:
            return keep_to(everything(splits), splits, conditions)
        if conditions.heads_run > self._heads_run:  # the frame that was planned last went to the link
            self._heads_run = conditions.heads_run
            self._link_free_s = max(self._link_free_s, self._arrives_s)
        traced = self._splits_at(splits)
        begin_s = max(0.0, conditions.now_s - self.zero_s)
        index = traced.best(begin_s, conditions.fixed_s, self._link_free_s)
        _, self._arrives_s = traced.ended_s(index, begin_s, conditions.fixed_s, self._link_free_s)
        return keep_to(frozenset(traced.edge(index)), splits, conditions)

    def _splits_at(self, splits: Splits) -> TracedSplits:
        """Every split at the times of now, which change only when the cloud is another."""
        if self._traced is None or splits.costs is not self._costs:
            self._costs = costs = splits.costs
            self._traced = TracedSplits(splits.graph, costs.edge_s, costs.cloud_s, self._trace, self._goodput_share)
        return self._traced
