"""A simulated edge: its worker, its uplink, and the agent's own `Flow` and `Controller`, told what they would see.

As `bench.control_simulation.world`, for thousands of edges at once, so events that change nothing are left out:

- between frames an edge looks for what its connection needs once for each heartbeat, not every 50 ms;
- an upload is looked after from the moment at which it can be late;
- pings that keep the connection out of slow start are told together, before whatever comes next, and no more of them
  than keep it so; they take no time of the link or of the cloud. So the link passes bytes exactly as its trace says.
"""

import math
import random
from collections import deque
from dataclasses import dataclass

from bench.control_simulation.models import SimulatedModel, Split
from bench.fleet.clock import Clock
from bench.fleet.control import Control
from bench.fleet.replica import Replica, Served
from bench.fleet.spec import RETRY_AFTER_S, FleetSpec
from bench.fleet.tally import Outcome, Tally
from edge_service.control import Duty, Plan, Probe, ServerTimes
from edge_service.control.estimators.slow_start import INITIAL_WINDOW_BYTES
from link_emulator.trace import Trace
from split_wire.limits import HEARTBEAT_INTERVAL_S

_MOST_WAITING, _MOST_IN_FLIGHT = 2, 8  # edge_service.config.AgentConfig
_WATCH_S = 0.05  # edge_service.pipeline.offload looks for late uploads this often
_WARM_S = 0.2  # for so long, and a round trip, may a connection be silent before its window closes
_PING_BYTES = 1_000
_PING_TIMEOUT_S = 2.0
_PROBE_TIMEOUT_S = 5.0
_STALE_BYTES = 64_000  # what a cancelled stream still sends: a flow-control window of HTTP/2


@dataclass(slots=True)
class Frame:
    """A frame on its way."""

    number: int
    arrived_s: float
    plan: Plan | None = None
    split: Split | None = None
    due_s: float = math.inf
    timeout_s: float = math.inf
    served: Served | None = None
    load: float = 1.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What the edges of one simulation have in common.

    Attributes:
        spec: The fleet.
        model: The cameras' model, at the edges' speed.
        splits: Its splits by the layers on the edge; filled as they are used.
        clock: Makes all calls.
        tally: Counts all frames.
    """

    spec: FleetSpec
    model: SimulatedModel
    splits: dict[frozenset[str], Split]
    clock: Clock
    tally: Tally


class Edge:
    """One camera.

    Args:
        ground: What it shares with the others.
        control: Decides.
        replica: Serves it for the whole run.
        uplink: Its rate over time.
        start_s: Where in the link's trace it begins.
        rng: Its own, so that its noise does not depend on the others.
    """

    def __init__(
        self, ground: Ground, control: Control, replica: Replica, uplink: Trace, start_s: float, rng: random.Random
    ) -> None:
        self._ground, self._spec, self._clock = ground, ground.spec, ground.clock
        self._control, self._flow, self._replica = control.controller, control.flow, replica
        self._uplink, self._start_s, self._rng = uplink, start_s, rng
        self._rtt_s = rng.uniform(0.02, 0.08)
        self._worker_free_s = self._link_free_s = self._told_s = 0.0
        self._answered_s = -math.inf
        self._waiting: deque[Frame] = deque()
        self._in_flight: dict[int, Frame] = {}
        self._working = self._measuring = False
        self._uplink_bps = 0.0
        self._local = self._frames = 0
        self._serial = -1
        self.switches = 0
        self._next_s = 1.0 + rng.random() / self._spec.rate_hz
        self._clock.at(rng.random() * self._spec.beat_s, self._look)
        self._clock.at(self._next_s, self._arrive)

    # --- head

    def _arrive(self, _: object, now_s: float) -> None:
        frame = Frame(self._frames, now_s)
        self._frames += 1
        self._next_s += 1.0 / self._spec.rate_hz
        if self._next_s < self._spec.seconds:
            self._clock.at(self._next_s, self._arrive)
        self._count(Outcome.SUBMITTED, frame)
        self._waiting.append(frame)
        if len(self._waiting) > _MOST_WAITING:
            self._count(Outcome.DROPPED, self._waiting.popleft())
        self._start_heads(now_s)

    def _start_heads(self, now_s: float) -> None:
        if self._working or not self._waiting:
            return
        self._keep_warm(now_s)
        plan = self._control.plan(now_s)
        if len(self._in_flight) + self._local >= min(plan.in_flight, _MOST_IN_FLIGHT):
            return
        frame = self._waiting.popleft()
        frame.plan, frame.split = plan, self._split_of(plan)
        self._uplink_bps = plan.uplink_bps or 0.0
        if plan.serial != self._serial:
            if self._serial >= 0:
                self.switches += 1
                self._count(Outcome.SWITCHED, frame)
            self._serial = plan.serial
        self._working = True
        self._clock.at(self._work(frame.split.edge_s, now_s), self._head_done, frame)

    def _split_of(self, plan: Plan) -> Split:
        splits, edge = self._ground.splits, plan.partition.edge
        split = splits.get(edge)
        if split is None:
            split = splits[edge] = self._ground.model.split_of(edge)
        return split

    def _work(self, seconds: float, now_s: float) -> float:
        self._worker_free_s = max(self._worker_free_s, now_s) + self._noisy(seconds)
        return self._worker_free_s

    def _noisy(self, seconds: float) -> float:
        return seconds * (1.0 + self._spec.noise * (2.0 * self._rng.random() - 1.0))

    def _head_done(self, frame: Frame, now_s: float) -> None:
        plan, split = frame.plan, frame.split
        self._working = False
        self._flow.head_ran(plan, self._noisy(split.edge_s), now_s)
        if split.remote:
            self._hand_over(frame, plan, split, now_s)
        else:
            self._ended(frame, Outcome.ALONE, now_s)
        self._start_heads(now_s)

    # --- transfer, and tail in the cloud

    def _hand_over(self, frame: Frame, plan: Plan, split: Split, now_s: float) -> None:
        self._keep_warm(now_s)
        encode_s, size = self._spec.encode_s, int(split.sent_bytes)
        sent_s = self._told_s = now_s + encode_s
        sent = self._flow.handed_over(frame.number, size, plan, encode_s=encode_s, now_s=sent_s)
        self._in_flight[frame.number] = frame
        frame.timeout_s, frame.due_s = sent.timeout_s, sent_s + sent.timeout_s
        arrives_s = self._send(size, sent_s)
        if arrives_s < math.inf:
            self._clock.at(arrives_s + self._rtt_s / 2, self._uploaded, frame)
        late_s = sent_s + plan.partition.cloud_s + self._rtt_s + 1.5 * sent.upload_s + 0.05
        self._clock.at(min(late_s, frame.due_s), self._watch, frame)

    def _send(self, size: float, from_s: float) -> float:
        """Puts bytes on the link as soon as it is free; returns when the last has left it."""
        began_s = self._start_s + max(from_s, self._link_free_s)
        self._link_free_s = self._uplink.time_after(began_s, size) - self._start_s
        return self._link_free_s

    def _uploaded(self, frame: Frame, now_s: float) -> None:
        split = frame.split
        if frame.number not in self._in_flight:
            return
        served = frame.served = self._replica.admit(self._noisy(split.cloud_s), frame.timeout_s, now_s)
        if served is None:
            self._clock.at(now_s + self._rtt_s / 2, self._refused, frame)
        elif not served.expires:
            self._clock.at(served.ends_s, self._computed, frame)

    def _computed(self, frame: Frame, now_s: float) -> None:
        frame.load = self._replica.computed(frame.served, frame.split.cloud_s, now_s)
        self._clock.at(now_s + self._rtt_s / 2, self._answered, frame)

    def _answered(self, frame: Frame, now_s: float) -> None:
        if frame.number not in self._in_flight:
            return
        served = frame.served
        times = ServerTimes(served.queue_s + served.compute_s, served.queue_s, 0.0, served.compute_s, frame.load)
        answered = self._flow.answered(frame.number, times, now_s)
        self._flow.outputs_read(answered, now_s)
        self._told_s = self._answered_s = now_s
        del self._in_flight[frame.number]
        self._ended(frame, Outcome.ANSWERED, now_s)
        self._start_heads(now_s)

    # --- no answer

    def _watch(self, frame: Frame, now_s: float) -> None:
        if frame.number not in self._in_flight:
            return
        if now_s >= frame.due_s:
            self._overdue(frame, now_s)
            return
        self._flow.look_for_late_uploads(now_s)
        self._clock.at(min(now_s + _WATCH_S, frame.due_s), self._watch, frame)

    def _overdue(self, frame: Frame, now_s: float) -> None:
        self._flow.deadline_passed(frame.number, now_s)
        self._flow.stream_renewed()
        stale = min(self._uplink.bytes_between(self._start_s + now_s, self._start_s + self._link_free_s), _STALE_BYTES)
        self._link_free_s = self._uplink.time_after(self._start_s + now_s, stale) - self._start_s
        self._count(Outcome.MISSED, frame)
        for other in list(self._in_flight.values()):
            self._finish_here(other, now_s)

    def _refused(self, frame: Frame, now_s: float) -> None:
        if frame.number not in self._in_flight:
            return
        self._flow.refused(frame.number, "overloaded", RETRY_AFTER_S, now_s)
        self._count(Outcome.REFUSED, frame)
        self._finish_here(frame, now_s)
        self._start_heads(now_s)
        # The heartbeat that ends the pause comes at the cloud's own interval, however rarely the others are told.
        self._clock.at(now_s + RETRY_AFTER_S + self._rng.random() * HEARTBEAT_INTERVAL_S, self._beat)

    def _finish_here(self, frame: Frame, now_s: float) -> None:
        del self._in_flight[frame.number]
        self._local += 1
        self._clock.at(self._work(frame.split.rest_s, now_s), self._finished_here, frame)

    def _finished_here(self, frame: Frame, now_s: float) -> None:
        self._local -= 1
        self._ended(frame, Outcome.FELL_BACK, now_s)
        self._start_heads(now_s)

    def _ended(self, frame: Frame, outcome: Outcome, now_s: float) -> None:
        self._count(outcome, frame)
        tally = self._ground.tally
        (tally.answered_s if outcome is Outcome.ANSWERED else tally.here_s).append(now_s - frame.arrived_s)

    def _count(self, outcome: Outcome, frame: Frame) -> None:
        self._ground.tally.counts[outcome][int(frame.arrived_s)] += 1

    # --- beside the frames

    @property
    def _idle(self) -> bool:
        return not (self._waiting or self._working or self._in_flight or self._local)

    def _look(self, _: object, now_s: float) -> None:
        if now_s >= self._spec.seconds and self._idle:
            return
        if now_s < self._answered_s + self._spec.beat_s:  # an answer tells more than a heartbeat, and measures the link
            self._clock.at(self._answered_s + self._spec.beat_s, self._look)
            return
        load = self._beat(None, now_s)
        match self._flow.duty(now_s):
            case Duty.CONNECT:
                self._flow.profiled(self._ground.model.costs.cloud_s, {}, load, now_s)
                self._flow.opened(now_s)
                self._flow.pinged(self._rtt_s, now_s)
                self._measure(now_s)
            case Duty.MEASURE if not self._measuring:
                self._measure(now_s)
        self._clock.at(now_s + self._spec.beat_s, self._look)

    def _beat(self, _: object, now_s: float) -> float:
        self._keep_warm(now_s)
        load = self._replica.load.factor(now_s)
        self._flow.heard(now_s)
        self._flow.heartbeat(load, now_s)
        return load

    def _keep_warm(self, now_s: float) -> None:
        """Tells the pings since whatever was told last that keep the connection out of slow start, where it matters."""
        gap_s = _WARM_S + 0.9 * self._rtt_s
        if not self._in_flight and self._uplink_bps * self._rtt_s / 4.0 > INITIAL_WINDOW_BYTES:
            at_s = self._told_s + gap_s
            while at_s < now_s:
                self._flow.pinged(self._rtt_s, at_s)
                self._told_s = at_s
                at_s += gap_s

    def _measure(self, now_s: float) -> None:
        """A ping if one is due, and then a probe if one is due."""
        if not self._flow.ping_due(now_s):
            self._probe(now_s)
            return
        self._measuring = True
        answered_s = self._send(_PING_BYTES, now_s) + self._rtt_s
        self._clock.at(min(answered_s, now_s + _PING_TIMEOUT_S), self._pinged, answered_s - now_s)

    def _pinged(self, seconds: float, now_s: float) -> None:
        if seconds <= _PING_TIMEOUT_S:
            self._flow.pinged(seconds, now_s)
            self._told_s = now_s
        self._probe(now_s)

    def _probe(self, now_s: float) -> None:
        size = self._flow.probe_due(now_s)
        self._measuring = size is not None
        if size is None:
            return
        probe = self._flow.probe_begun(size, now_s)
        half_s = self._send(size / 2, now_s)
        end_s = self._send(size / 2, half_s)
        read_s = end_s + self._rtt_s
        timed_out = read_s - now_s > _PROBE_TIMEOUT_S
        self._clock.at(
            now_s + _PROBE_TIMEOUT_S if timed_out else read_s, self._probed, (probe, end_s - half_s, timed_out)
        )

    def _probed(self, told: tuple[Probe, float, bool], now_s: float) -> None:
        probe, second_half_s, timed_out = told
        self._measuring = False
        if timed_out:
            self._flow.probe_timed_out(probe, _PROBE_TIMEOUT_S, now_s)
        else:
            self._flow.probe_read(probe, probe.bytes // 2, second_half_s, now_s)
            self._told_s = now_s
