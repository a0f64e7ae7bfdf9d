"""Policies that choose as a benchmark wants: the splits it names, or those of an oracle that knows the link."""

from __future__ import annotations

from edge_service.control.conditions import Conditions
from edge_service.control.policies import Choice, Policy, keep_to
from edge_service.control.pricing import everything
from link_emulator import Trace
from partitioner import CostProfile, LayerGraph, Splits
from partitioner.listed.listing import list_closed_sets
from partitioner.listed.set_sums import crossing, inside_and_outside

__all__ = ["GivenSplits", "Oracle", "TracedSplits"]

_MOST_SETS = 2_000_000


class GivenSplits(Policy):
    """Runs the split that `now` names, everything on the edge where it names none.

    Predictions are those of a live loop: the link is measured before anything is offloaded.
    """

    name = "given"
    keeps_to_split = True
    asked_always = True

    def __init__(self) -> None:
        self.now: frozenset[str] | None = None

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """That split."""
        return keep_to(everything(splits) if self.now is None else self.now, splits, conditions)


class TracedSplits:
    """Which split ends first over an uplink whose future is known, by the same cost model that decides live.

    Args:
        graph: The model.
        edge_s: Seconds of each layer on the edge.
        cloud_s: Seconds of each layer in the cloud.
        trace: The uplink.
        goodput_share: Payload per byte that the trace counts.
    """

    def __init__(
        self,
        graph: LayerGraph,
        edge_s: tuple[float, ...],
        cloud_s: tuple[float, ...],
        trace: Trace,
        goodput_share: float,
    ) -> None:
        self._graph = graph
        self._sets = list_closed_sets(graph, _MOST_SETS)
        self.head_s, _ = inside_and_outside(self._sets, edge_s)
        _, self.tail_s = inside_and_outside(self._sets, cloud_s)
        sent = crossing(self._sets, [float(layer.output_bytes) for layer in graph.layers])
        self.wire_bytes = sent / goodput_share
        self._trace = trace

    def edge(self, index: int) -> frozenset[str]:
        """The layers of a set, by name."""
        return frozenset(self._graph.layers[i].name for i in self._sets.members(index))

    def ended_s(self, index: int, begin_s: float, fixed_s: float, link_free_s: float = 0.0) -> tuple[float, float]:
        """When a frame ends, and when its upload does, whose head begins at `begin_s` on the trace's clock."""
        handed_s = begin_s + float(self.head_s[index])
        if index == len(self.head_s) - 1:
            return handed_s, link_free_s
        arrived_s = self._trace.time_after(max(handed_s, link_free_s), float(self.wire_bytes[index]))
        return arrived_s + fixed_s + float(self.tail_s[index]), arrived_s

    def best(self, begin_s: float, fixed_s: float, link_free_s: float = 0.0) -> int:
        """The set that ends first."""
        return min(range(len(self.head_s)), key=lambda index: self.ended_s(index, begin_s, fixed_s, link_free_s)[0])


class Oracle(Policy):
    """Takes for each frame the split that ends first, given the uplink's whole future; see `TracedSplits`.

    Args:
        trace: The uplink.
        goodput_share: Payload per byte that the trace counts.

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
        self._link_free_s = 0.0
        self._arrives_s = 0.0

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
        return keep_to(traced.edge(index), splits, conditions)

    def _splits_at(self, splits: Splits) -> TracedSplits:
        """Every split at the times of now, which change only when the cloud is another."""
        if self._traced is None or splits.costs is not self._costs:
            graph, costs = splits.graph, splits.costs
            self._traced = TracedSplits(graph, costs.edge_s, costs.cloud_s, self._trace, self._goodput_share)
            self._costs = costs
        return self._traced
