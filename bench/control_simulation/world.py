"""The edge's pipeline, a link and a cloud as functions of time: a shell around the agent's own `Flow`; nothing sleeps.

A list of timed calls takes the place of the event loop. Heads and local tails run one at a time on one worker,
transfers one after the other on the link, tails one at a time in the cloud. `Flow` is told what happens, and its orders
are carried out, as in `edge_service.pipeline` and `edge_service.cloud.link`. The link passes bytes exactly as its trace
says; the round trip is fixed; the way down is free.
"""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.control_simulation.jobs import Choice, Job
from edge_service.control import Duty, Flow, ServerTimes, answer_timeout_s
from link_emulator.trace import Trace

WATCH_S = 0.05  # edge_service.pipeline.offload and edge_service.cloud.link look this often
HEARTBEAT_S = 0.5
PING_BYTES = 1_000
PING_TIMEOUT_S = 2.0
PROBE_TIMEOUT_S = 5.0
# TCP starts with this window after a pause this long (Linux, RFC 6928), on the connection of a policy that can keep it
# warm; for the others it always is.
FIRST_WINDOW_BYTES = 14_600
IDLE_S = 0.3
# What a cancelled stream still sends: bytes beyond gRPC's hands, in the kernel. A flow-control window of HTTP/2.
STALE_BYTES = 64_000


@dataclass(slots=True)
class World:
    """One run.

    Attributes:
        uplink: The rate over time; the run starts at `start_s` of it.
        policy: Who chooses; told nothing but what an edge can see, or everything.
        flow: What the policy measures with; None for one that measures nothing.
        cloud_s: Seconds of each layer in the cloud, which its profile tells the flow.
        encode_s: Encoding and decoding of a frame.
        max_waiting: As in `AgentConfig`.
        jobs: Every frame, in order.
    """

    uplink: Trace
    policy: "Policy"
    rate_hz: float
    flow: Flow | None = None
    cloud_s: tuple[float, ...] = ()
    start_s: float = 0.0
    rtt_s: float = 0.05
    encode_s: float = 0.001
    max_waiting: int = 2
    jobs: list[Job] = field(default_factory=list)
    now_s: float = 0.0
    worker_free_s: float = 0.0
    link_free_s: float = 0.0
    cloud_free_s: float = 0.0
    local: int = 0
    in_flight: dict[int, Job] = field(default_factory=dict)
    waiting: deque[Job] = field(default_factory=deque)
    head_runs: bool = False
    measuring: bool = False
    _planned: Choice | None = None
    _events: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def run(self, seconds: float, *, lead_s: float = 1.0) -> list[Job]:
        """Runs frames for so long, after a lead in which the link is measured; every frame ends."""
        self.now_s = self.link_free_s = self.start_s
        frames = int(seconds * self.rate_hz)
        for number in range(frames):
            self._at(self.start_s + lead_s + number / self.rate_hz, self._arrive)
        if self.flow is not None:
            self._at(self.start_s, self._look)
            self._at(self.start_s + HEARTBEAT_S, self._heartbeat)
        while self._events and (len(self.jobs) < frames or any(job.done_s is None for job in reversed(self.jobs))):
            self.now_s, _, call = heapq.heappop(self._events)
            call()
        return self.jobs

    def _send(self, size: float, from_s: float) -> float:
        """Puts bytes on the link as soon as it is free; returns when the last has left it."""
        began_s = max(from_s, self.link_free_s)
        cold = self.flow is not None and began_s - self.link_free_s > IDLE_S
        window = FIRST_WINDOW_BYTES if cold else math.inf
        while size > window:
            passed_s = self.uplink.time_after(began_s, window)
            began_s, size, window = max(passed_s, began_s + self.rtt_s), size - window, window * 2
        self.link_free_s = self.uplink.time_after(began_s, size)
        return self.link_free_s

    def _at(self, at_s: float, call: Callable[[], object]) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), call))

    def _at_in_flight(self, at_s: float, job: Job, call: Callable[[Job], object]) -> None:
        """Calls then, where the frame is still in flight."""
        self._at(at_s, lambda: job.frame_id in self.in_flight and call(job))

    # --- head

    def _arrive(self) -> None:
        job = Job(len(self.jobs), self.now_s)
        self.jobs.append(job)
        self.waiting.append(job)
        if len(self.waiting) > self.max_waiting:
            self._end(self.waiting.popleft(), "dropped")
        self._start_heads()

    def _start_heads(self) -> None:
        if self.head_runs or not self.waiting:
            return
        # The pipeline asks once and waits for room by that plan; the frame itself gets a plan of its own.
        self._planned = self._planned or self.policy(self.now_s, self)
        if len(self.in_flight) + self.local >= min(self._planned.in_flight, 8):
            return
        self._planned = None
        job = self.waiting.popleft()
        job.choice = self.policy(self.now_s, self)
        self.head_runs = True
        self._at(self._work(job.split.edge_s), lambda: self._head_done(job))

    def _work(self, seconds: float) -> float:
        self.worker_free_s = max(self.worker_free_s, self.now_s) + seconds
        return self.worker_free_s

    def _head_done(self, job: Job) -> None:
        self.head_runs = False
        if self.flow is not None:
            self.flow.head_ran(job.plan, job.split.edge_s, self.now_s)
        if job.split.remote:
            self._hand_over(job)
        else:
            self._end(job, "edge_only")
        self._start_heads()

    # --- transfer and tail in the cloud

    def _hand_over(self, job: Job) -> None:
        job.sent_s = self.now_s + self.encode_s
        timeout_s = self._timeout_s(job)
        self.in_flight[job.frame_id] = job
        if timeout_s < math.inf:
            self._at_in_flight(job.sent_s + timeout_s, job, self._overdue)
        ended_s = self._send(job.split.sent_bytes, job.sent_s)
        if ended_s < math.inf:
            self._at_in_flight(ended_s + self.rtt_s / 2, job, self._uploaded)

    def _timeout_s(self, job: Job) -> float:
        if self.flow is not None:
            size = int(job.split.sent_bytes)
            sent = self.flow.handed_over(job.frame_id, size, job.plan, encode_s=self.encode_s, now_s=job.sent_s)
            return sent.timeout_s
        unplanned = job.choice is None or job.choice.plan is None
        return math.inf if unplanned else answer_timeout_s(job.plan, len(self.in_flight))

    def _uploaded(self, job: Job) -> None:
        self.cloud_free_s = max(self.cloud_free_s, self.now_s) + job.split.cloud_s
        job.server_s = self.cloud_free_s - self.now_s
        self._at_in_flight(self.cloud_free_s + self.rtt_s / 2, job, self._answered)

    def _answered(self, job: Job) -> None:
        if self.flow is not None:
            compute_s = job.split.cloud_s
            times = ServerTimes(job.server_s, job.server_s - compute_s, 0.0, compute_s, load_factor=1.0)
            answered = self.flow.answered(job.frame_id, times, self.now_s)
            assert answered is not None, "the frame is in flight"
            self.flow.outputs_read(answered, self.now_s)
        del self.in_flight[job.frame_id]
        self._end(job, "offloaded")
        self._start_heads()

    # --- no answer

    def _overdue(self, job: Job) -> None:
        if self.flow is not None:
            self.flow.deadline_passed(job.frame_id, self.now_s)
            self.flow.stream_renewed()
        stale = min(self.uplink.bytes_between(self.now_s, self.link_free_s), STALE_BYTES)
        self.link_free_s = self.uplink.time_after(self.now_s, stale)
        for other in list(self.in_flight.values()):
            self._finish_here(other)

    def _finish_here(self, job: Job) -> None:
        del self.in_flight[job.frame_id]
        self.local += 1

        def finished() -> None:
            self.local -= 1
            self._end(job, "local_fallback")
            self._start_heads()

        self._at(self._work(job.split.rest_s), finished)

    def _end(self, job: Job, outcome: str) -> None:
        assert job.done_s is None, "a frame ends once"
        job.done_s, job.outcome = self.now_s, outcome

    # --- what runs beside the frames

    @property
    def _told(self) -> Flow:
        assert self.flow is not None, "nothing is measured without a flow"
        return self.flow

    def _look(self) -> None:
        self._told.look_for_late_uploads(self.now_s)
        match self._told.duty(self.now_s):
            case Duty.CONNECT:
                self._connect()
            case Duty.MEASURE if not self.measuring:
                self._measure()
        self._at(self.now_s + WATCH_S, self._look)

    def _connect(self) -> None:
        """Takes no time: a run is judged after its lead."""
        self._told.profiled(self.cloud_s, {}, 1.0, self.now_s)
        self._told.opened(self.now_s)
        self._measure()

    def _heartbeat(self) -> None:
        self._told.heard(self.now_s)
        self._told.heartbeat(1.0, self.now_s)
        self._at(self.now_s + HEARTBEAT_S, self._heartbeat)

    def _measure(self) -> None:
        """A ping if one is due, and then a probe if one is due, as `CloudLink` does on an idle link."""
        if not self._told.ping_due(self.now_s):
            self._probe()
            return
        self.measuring = True
        began_s = self.now_s
        answered_s = self._send(PING_BYTES, began_s) + self.rtt_s
        seconds = answered_s - began_s

        def ended() -> None:
            if seconds <= PING_TIMEOUT_S:
                self._told.pinged(seconds, self.now_s)
            self._probe()

        self._at(min(answered_s, began_s + PING_TIMEOUT_S), ended)

    def _probe(self) -> None:
        size = self._told.probe_due(self.now_s)
        self.measuring = size is not None
        if size is None:
            return
        probe = self._told.probe_begun(size, self.now_s)
        half_s = self._send(size / 2, probe.began_s)
        end_s = self._send(size / 2, half_s)
        read_s = end_s + self.rtt_s
        read_in_time = read_s - probe.began_s <= PROBE_TIMEOUT_S

        def ended() -> None:
            self.measuring = False
            if read_in_time:
                self._told.probe_read(probe, probe.bytes // 2, end_s - half_s, self.now_s)
            else:
                self._told.probe_timed_out(probe, PROBE_TIMEOUT_S, self.now_s)

        self._at(read_s if read_in_time else probe.began_s + PROBE_TIMEOUT_S, ended)


Policy = Callable[[float, World], Choice]
