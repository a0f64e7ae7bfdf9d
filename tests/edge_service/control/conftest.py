"""A simulated edge: frames, link and cloud as functions of time, around a real controller. Nothing sleeps."""

import heapq
import itertools
import random

import pytest

from edge_service.control import (
    AnswerMissed,
    CloudAnswered,
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    HeadMeasured,
    RoundTripMeasured,
    TailMeasured,
    UplinkMeasured,
    UploadStalled,
)
from partitioner import CostProfile, Layer, LayerGraph, Link, Partition, decide, evaluate

RTT_S = 0.02
TICK_S = 0.01
SILENCE_S = 1.5  # a stream without heartbeats for so long is lost

# A chain as small networks are: early layers are cheap and wide, late ones dear and narrow.
CHAIN = (
    ("image", 150_000, 0.0),
    ("conv1", 400_000, 0.10),
    ("pool1", 50_000, 0.01),
    ("conv2", 25_000, 0.15),
    ("conv3", 12_000, 0.20),
    ("fc", 4_000, 0.02),
)
NAMES = [name for name, _, _ in CHAIN]
GRAPH = LayerGraph(
    tuple(
        Layer(name, (before,) if before else (), size)
        for (name, size, _), before in zip(CHAIN, [None, *NAMES[:-1]], strict=True)
    ),
    ("fc",),
)
EDGE_S = tuple(seconds for _, _, seconds in CHAIN)
CLOUD_S = tuple(seconds / 10 for seconds in EDGE_S)
BYTES = {name: size for name, size, _ in CHAIN}


class World:
    """Runs a controller against functions of time; `history` is [(time, plan)] per frame."""

    def __init__(
        self, *, config=None, policy=None, rate_hz=5.0, noise=0.0, seed=0, graph=GRAPH, edge_s=EDGE_S, cloud_s=CLOUD_S
    ):
        self.controller = Controller(graph, edge_s, config or ControllerConfig(), rate_hz, policy=policy)
        self.graph, self.edge_s, self.cloud_s = graph, edge_s, cloud_s
        self.rate_hz = rate_hz
        self.uplink_bps = 20e6
        self.cloud_up = True
        self.edge_load = self.cloud_load = 1.0
        self.noise, self.rng = noise, random.Random(seed)
        self.now_s = 0.0
        self.history = []
        self.calls = []  # (time, kind, bytes)
        self.probe_times = []
        self._next_frame_s = 0.0
        self._link_free_s = -10.0
        self._answers_s = []
        self._down_since_s = None
        self._pending, self._order = [], itertools.count()

    def run(self, seconds, **changes):
        """Runs for so long after setting attributes; returns the plans of the frames in it."""
        for name, value in changes.items():
            setattr(self, name, value)
        first, until_s = len(self.history), self.now_s + seconds
        while self.now_s < until_s:
            self._tick()
            self.now_s += TICK_S
        return [plan for _, plan in self.history[first:]]

    def observe(self, event):
        self.controller.observe(event, self.now_s)

    @property
    def state(self):
        return self.controller.state(self.now_s)

    @property
    def switches(self):
        return self.state.switches

    def ideal(self, headroom=0.9) -> Partition:
        """The best split at the true conditions."""
        costs = CostProfile(
            tuple(s * self.edge_load for s in self.edge_s), tuple(s * self.cloud_load for s in self.cloud_s)
        )
        return decide(self.graph, costs, Link(self.uplink_bps, fixed_s=RTT_S), self.rate_hz / headroom).partition

    def priced(self, edge) -> Partition:
        """A split at the true conditions."""
        costs = CostProfile(
            tuple(s * self.edge_load for s in self.edge_s), tuple(s * self.cloud_load for s in self.cloud_s)
        )
        return evaluate(self.graph, costs, Link(self.uplink_bps, fixed_s=RTT_S), edge)

    def _tick(self):
        while self._pending and self._pending[0][0] <= self.now_s:
            _, _, events = heapq.heappop(self._pending)
            for event in events:
                self.observe(event)
        self._watch_cloud()
        controller = self.controller
        if controller.reconnect_due(self.now_s):
            self.calls.append((self.now_s, "reconnect", 0))
            self._later(RTT_S, CloudProfiled(self.cloud_s) if self.cloud_up else AnswerMissed())
        if controller.ping_due(self.now_s):
            self.calls.append((self.now_s, "ping", 1000))
            if self.cloud_up:
                self._later(RTT_S, RoundTripMeasured(RTT_S))
        size = controller.probe_due(self.now_s)
        if size is not None:
            self.calls.append((self.now_s, "probe", size))
            self._upload(size, 0, 0.0)
        if self.now_s >= self._next_frame_s:
            self._next_frame_s += 1 / self.rate_hz
            self._frame()

    def _watch_cloud(self):
        if self.cloud_up:
            self._down_since_s = None
        elif self._down_since_s is None:
            self._down_since_s = self.now_s
        elif self.now_s - self._down_since_s >= SILENCE_S and self.state.retry_at_s is None:
            self.observe(CloudLost("silence"))

    def _frame(self):
        plan = self.controller.plan(self.now_s)
        self.history.append((self.now_s, plan))
        self._answers_s = [answer_s for answer_s in self._answers_s if answer_s > self.now_s]
        if len(self._answers_s) >= plan.in_flight:
            return  # dropped: no head begins while so many frames are under way
        edge = plan.partition.edge
        head_s = sum(s for layer, s in zip(self.graph.layers, self.edge_s, strict=True) if layer.name in edge)
        self.observe(HeadMeasured(plan.base_head_s, head_s * self.edge_load * self._jitter()))
        if len(edge) < len(self.graph.layers):
            tail_s = sum(s for layer, s in zip(self.graph.layers, self.cloud_s, strict=True) if layer.name not in edge)
            sizes = {layer.name: layer.output_bytes for layer in self.graph.layers}
            self.calls.append((self.now_s, "frame", 0))
            self._upload(sum(sizes[name] for name in plan.partition.cut), tail_s, plan.deadline_s)

    def _upload(self, size, tail_s, deadline_s):
        patience_s = deadline_s or 5.0
        if not self.cloud_up or self.uplink_bps <= 0:
            self._later(patience_s, UploadStalled(size, patience_s) if self.cloud_up else AnswerMissed())
            return
        began_s = max(self.now_s, self._link_free_s)
        seconds = 8 * size / self.uplink_bps * self._jitter()
        after_idle = bool(tail_s) and began_s - self._link_free_s > 0.3
        took_s = began_s + seconds - self.now_s
        if took_s > patience_s:
            self._later(patience_s, UploadStalled(size, patience_s))
            return
        self._link_free_s = began_s + seconds
        events = [UplinkMeasured(size, seconds, after_idle, by_receiver=not tail_s), CloudAnswered()]
        if tail_s:
            self._answers_s.append(self.now_s + took_s + RTT_S)
            events.append(TailMeasured(tail_s, tail_s * self.cloud_load * self._jitter()))
        self._later(took_s + RTT_S, *events)

    def _jitter(self):
        return self.rng.uniform(1 - self.noise, 1 + self.noise)

    def _later(self, delay_s, *events):
        heapq.heappush(self._pending, (self.now_s + delay_s, next(self._order), events))


@pytest.fixture
def world():
    """The class of simulated edges."""
    return World
