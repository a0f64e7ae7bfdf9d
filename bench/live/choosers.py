"""Controllers that choose as a benchmark wants: the splits it names, or those of an oracle that knows the link."""

from __future__ import annotations

from edge_service.control import CloudProfiled, Controller, ControllerConfig, EncodingCosts, Event, HeadMeasured, Plan
from link_emulator import Trace
from partitioner import LayerGraph
from partitioner.listed.listing import list_closed_sets
from partitioner.listed.set_sums import crossing, inside_and_outside

__all__ = ["GivenSplits", "Oracle", "TracedSplits"]

_MOST_SETS = 2_000_000


class GivenSplits(Controller):
    """Runs the split that `now` names, once the link is measured, so that predictions are those of a live loop."""

    now: frozenset[str] = frozenset()

    def plan(self, now_s: float) -> Plan:
        """As `Controller.plan`, for that split."""
        return self.plan_given(self.now, now_s)


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


class Oracle(Controller):
    """Takes for each frame the split that ends first, given the uplink's whole future; see `TracedSplits`.

    Make it with `Oracle.of(trace, goodput_share)`, and set `zero_s`, the trace's beginning on the monotonic clock.
    """

    trace: Trace
    goodput_share: float
    zero_s: float | None = None

    def __init__(
        self,
        graph: LayerGraph,
        edge_s: tuple[float, ...],
        config: ControllerConfig | None = None,
        rate_hz: float = 1.0,
        encodings: tuple[EncodingCosts, ...] = (),
    ) -> None:
        super().__init__(graph, edge_s, config, rate_hz, encodings)
        self._model = graph, edge_s
        self._splits: TracedSplits | None = None
        self._link_free_s = 0.0
        self._arrives_s = 0.0

    @classmethod
    def of(cls, trace: Trace, goodput_share: float) -> type[Oracle]:
        """A class of oracles that know this trace."""
        return type("OracleOfTrace", (cls,), {"trace": trace, "goodput_share": goodput_share})

    def observe(self, event: Event, now_s: float) -> None:
        """As `Controller.observe`; the cloud's times are kept, and when the link is free again."""
        super().observe(event, now_s)
        if isinstance(event, HeadMeasured):  # the frame that was planned last goes to the link now
            self._link_free_s = max(self._link_free_s, self._arrives_s)
        if isinstance(event, CloudProfiled):
            self._splits = TracedSplits(*self._model, event.cloud_s, self.trace, self.goodput_share)

    def plan(self, now_s: float) -> Plan:
        """As `Controller.plan`, knowing the link."""
        if self._splits is None or self.zero_s is None:
            return self.plan_given(frozenset(layer.name for layer in self._model[0].layers), now_s)
        state = self.state(now_s)
        begin_s = max(0.0, now_s - self.zero_s)
        fixed_s = (state.rtt_s or 0.0) + state.overhead_s
        index = self._splits.best(begin_s, fixed_s, self._link_free_s)
        _, self._arrives_s = self._splits.ended_s(index, begin_s, fixed_s, self._link_free_s)
        return self.plan_given(self._splits.edge(index), now_s)
