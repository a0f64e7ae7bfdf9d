"""One cloud as a simulated edge sees it: the agent's own `Flow`, told what happens to frames, pings and probes.

As `bench.control_simulation.world`, for thousands of edges at once, so events that change nothing are left out:

- between frames an edge looks for what its connection needs once for each heartbeat, not every 50 ms;
- an upload is looked after from the moment at which it can be late;
- pings that keep the connection out of slow start are told together, before whatever comes next, and no more of them
  than keep it so; they take no time of the link or of the cloud. So the link passes bytes exactly as its trace says.
"""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from bench.control_simulation.models import SimulatedModel
from bench.fleet.clock import Clock
from bench.fleet.frame import Frame
from bench.fleet.replica import Replica
from bench.fleet.spec import FleetSpec
from bench.fleet.uplink import Uplink
from edge_service.control import Duty, Flow, Probe, ServerTimes
from edge_service.control.estimators.slow_start import INITIAL_WINDOW_BYTES
from split_wire.limits import HEARTBEAT_INTERVAL_S

RETRY_AFTER_S = 0.25  # cloud_service.errors.OverloadedError
_WATCH_S = 0.05  # edge_service.pipeline.offload looks for late uploads this often
_WARM_S = 0.2  # for so long, and a round trip, may a connection be silent before its window closes
_PING_BYTES = 1_000
_PING_TIMEOUT_S = 2.0
_PROBE_TIMEOUT_S = 5.0
_STALE_BYTES = 64_000  # what a cancelled stream still sends: a flow-control window of HTTP/2


class Listener(Protocol):
    """The edge, told how frames end."""

    def answered(self, frame: Frame, now_s: float) -> None:
        """The cloud answered."""

    def refused(self, frame: Frame, now_s: float) -> None:
        """The cloud is overloaded."""

    def missed(self, frames: Iterable[Frame], now_s: float) -> None:
        """The first was not answered in time; the others were sent after it on the same stream."""

    def is_idle(self) -> bool:
        """Whether no frame waits or is under way."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all connections of a fleet have in common."""

    spec: FleetSpec
    model: SimulatedModel
    clock: Clock


class Seat:
    """See the module docstring.

    Args:
        terms: What it has in common with others.
        flow: Decides.
        replica: Serves this edge for the whole run.
        uplink: The edge's.
        listener: The edge.
        rng: The edge's, so that its noise does not depend on other edges.
    """

    def __init__(
        self, terms: Terms, flow: Flow, replica: Replica, uplink: Uplink, listener: Listener, rng: random.Random
    ) -> None:
        self._terms, self._spec, self._clock = terms, terms.spec, terms.clock
        self._flow, self._replica, self._uplink, self._listener, self._rng = flow, replica, uplink, listener, rng
        self._rtt_s = rng.uniform(0.02, 0.08)
        self._in_flight: dict[int, Frame] = {}
        self._measuring = False
        self._uplink_bps = 0.0
        self._told_s = 0.0
        self._answered_s = -math.inf
        self._clock.at(rng.random() * self._spec.beat_s, self._look)

    @property
    def in_flight(self) -> int:
        """Frames that are sent and not answered."""
        return len(self._in_flight)

    # --- frames

    def hand_over(self, frame: Frame, encode_s: float, now_s: float) -> None:
        """Sends a frame; its end is told to the listener."""
        self.keep_warm(now_s)
        plan, size = frame.plan, int(frame.split.sent_bytes)
        self._uplink_bps = plan.uplink_bps or 0.0
        sent_s = self._told_s = now_s + encode_s
        sent = self._flow.handed_over(frame.number, size, plan, encode_s=encode_s, now_s=sent_s)
        self._in_flight[frame.number] = frame
        frame.timeout_s, frame.due_s = sent.timeout_s, sent_s + sent.timeout_s
        arrives_s = self._uplink.send(size, sent_s)
        if arrives_s < math.inf:
            self._clock.at(arrives_s + self._rtt_s / 2, self._uploaded, frame)
        late_s = sent_s + plan.partition.cloud_s + self._rtt_s + 1.5 * sent.upload_s + 0.05
        self._clock.at(min(late_s, frame.due_s), self._watch, frame)

    def leave(self) -> None:
        """Another cloud is used: this connection need not be kept out of slow start."""
        self._uplink_bps = 0.0

    def _has(self, frame: Frame) -> bool:
        return self._in_flight.get(frame.number) is frame

    def _uploaded(self, frame: Frame, now_s: float) -> None:
        if not self._has(frame):
            return
        tail_s = frame.split.cloud_s * (1.0 + self._spec.noise * (2.0 * self._rng.random() - 1.0))
        served = frame.served = self._replica.admit(tail_s, frame.timeout_s, now_s)
        if served is None:
            self._clock.at(now_s + self._rtt_s / 2, self._refused, frame)
        elif not served.expires:
            self._clock.at(served.ends_s, self._computed, frame)

    def _computed(self, frame: Frame, now_s: float) -> None:
        if frame.served is not None:
            frame.load = self._replica.computed(frame.served, frame.split.cloud_s, now_s)
            self._clock.at(now_s + self._rtt_s / 2, self._answered, frame)

    def _answered(self, frame: Frame, now_s: float) -> None:
        served = frame.served
        if served is None or not self._has(frame):
            return
        times = ServerTimes(served.queue_s + served.compute_s, served.queue_s, 0.0, served.compute_s, frame.load)
        answered = self._flow.answered(frame.number, times, now_s)
        if answered is not None:
            self._flow.outputs_read(answered, now_s)
        self._told_s = self._answered_s = now_s
        del self._in_flight[frame.number]
        self._listener.answered(frame, now_s)

    def _refused(self, frame: Frame, now_s: float) -> None:
        if not self._has(frame):
            return
        self._flow.refused(frame.number, "overloaded", RETRY_AFTER_S, now_s)
        del self._in_flight[frame.number]
        # The heartbeat that ends the pause comes at the cloud's own interval, however rarely the others are told.
        self._clock.at(now_s + RETRY_AFTER_S + self._rng.random() * HEARTBEAT_INTERVAL_S, self._beat)
        self._listener.refused(frame, now_s)

    def _watch(self, frame: Frame, now_s: float) -> None:
        if not self._has(frame):
            return
        if now_s < frame.due_s:
            self._flow.look_for_late_uploads(now_s)
            self._clock.at(min(now_s + _WATCH_S, frame.due_s), self._watch, frame)
            return
        self._flow.deadline_passed(frame.number, now_s)
        self._flow.stream_renewed()
        self._uplink.cancel(_STALE_BYTES, now_s)
        del self._in_flight[frame.number]
        others = tuple(self._in_flight.values())
        self._in_flight.clear()
        self._listener.missed((frame, *others), now_s)

    # --- beside the frames

    def keep_warm(self, now_s: float) -> None:
        """Tells the pings since whatever was told last that keep the connection out of slow start, where it matters."""
        if not self._in_flight and self._uplink_bps * self._rtt_s / 4.0 > INITIAL_WINDOW_BYTES:
            gap_s = _WARM_S + 0.9 * self._rtt_s
            at_s = self._told_s + gap_s
            while at_s < now_s:
                self._flow.pinged(self._rtt_s, at_s)
                self._told_s = at_s
                at_s += gap_s

    def _look(self, _: object, now_s: float) -> None:
        if now_s >= self._spec.seconds and self._listener.is_idle():
            return
        if now_s < self._answered_s + self._spec.beat_s:  # an answer tells more than a heartbeat, and measures the link
            self._clock.at(self._answered_s + self._spec.beat_s, self._look)
            return
        self._beat(None, now_s)
        match self._flow.duty(now_s):
            case Duty.CONNECT:
                self._flow.profiled(self._terms.model.costs.cloud_s, {}, self._replica.load.factor(now_s), now_s)
                self._flow.opened(now_s)
                self._flow.pinged(self._rtt_s, now_s)
                self._measure(now_s)
            case Duty.MEASURE if not self._measuring:
                self._measure(now_s)
        self._clock.at(now_s + self._spec.beat_s, self._look)

    def _beat(self, _: object, now_s: float) -> None:
        self.keep_warm(now_s)
        self._flow.heard(now_s)
        self._flow.heartbeat(self._replica.load.factor(now_s), now_s)

    def _measure(self, now_s: float) -> None:
        """A ping if one is due, and then a probe if one is due."""
        if not self._flow.ping_due(now_s):
            self._probe(now_s)
            return
        self._measuring = True
        answered_s = self._uplink.send(_PING_BYTES, now_s) + self._rtt_s
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
        half_s = self._uplink.send(size / 2, now_s)
        end_s = self._uplink.send(size / 2, half_s)
        read_s = end_s + self._rtt_s
        in_time = read_s - now_s <= _PROBE_TIMEOUT_S
        second_half_s = end_s - half_s if in_time else math.inf
        self._clock.at(read_s if in_time else now_s + _PROBE_TIMEOUT_S, self._probed, (probe, second_half_s))

    def _probed(self, told: tuple[Probe, float], now_s: float) -> None:
        probe, second_half_s = told
        self._measuring = False
        if second_half_s == math.inf:
            self._flow.probe_timed_out(probe, _PROBE_TIMEOUT_S, now_s)
        else:
            self._flow.probe_read(probe, probe.bytes // 2, second_half_s, now_s)
            self._told_s = now_s
