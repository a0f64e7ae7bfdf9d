"""The edge's pipeline, a link and a cloud as functions of time: the same rules as `edge_service`, nothing sleeps.

Mirrors `edge_service.pipeline.pipeline` and `edge_service.cloud.link` with a list of timed calls in place of an event
loop:
heads and local tails one at a time on one worker, transfers one after the other on the link, tails one at a time in the
cloud; deadlines, the look at late uploads and the measurements of an idle link at their real intervals. The link passes
bytes exactly as its trace says; the round trip is fixed; the way down is free.
"""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bench.control_simulation.models import Split
from edge_service.control import Plan
from link_emulator.trace import Trace

WATCH_S = 0.05  # edge_service.pipeline.pipeline and edge_service.cloud.link look this often
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


@dataclass(frozen=True, slots=True)
class Choice:
    """How to run a frame.

    Attributes:
        split: The split.
        deadline_s: From handing over to giving up; infinite for never.
        in_flight: Most frames between head and result.
        bottleneck_s: The slowest stage, for which each frame ahead extends the deadline.
        plan: The plan that this is made from, if there is one.
    """

    split: Split
    deadline_s: float = math.inf
    in_flight: int = 8
    bottleneck_s: float = 0.0
    plan: Plan | None = None


class Policy(Protocol):
    """Who chooses; told nothing but what an edge can see, or everything."""

    def choose(self, now_s: float, world: "World") -> Choice:
        """How to run a frame that starts now."""
        ...

    def watches(self) -> bool:
        """Whether the world shall tell what an edge sees: answers, late uploads, pings and probes."""
        ...


class Observer(Policy, Protocol):
    """A policy that measures."""

    def head_ran(self, job: "Job", now_s: float) -> None: ...  # noqa: D102
    def sent(self, job: "Job", now_s: float) -> None: ...  # noqa: D102
    def answered(self, job: "Job", now_s: float, server_s: float) -> None: ...  # noqa: D102
    def overdue(self, job: "Job", now_s: float) -> None: ...  # noqa: D102
    def late(self, oldest: "Job", now_s: float) -> None: ...  # noqa: D102
    def heartbeat(self, now_s: float) -> None: ...  # noqa: D102
    def ping_due(self, now_s: float) -> bool: ...  # noqa: D102
    def pinged(self, seconds: float, now_s: float) -> None: ...  # noqa: D102
    def probe_due(self, now_s: float) -> int | None: ...  # noqa: D102
    def probed(self, size: float, seconds: float | None, now_s: float) -> None: ...  # noqa: D102


@dataclass(slots=True)
class Job:
    """A frame on its way."""

    frame_id: int
    arrived_s: float
    choice: Choice | None = None
    sent_s: float = 0.0
    done_s: float | None = None
    outcome: str = ""

    @property
    def split(self) -> Split:
        """The split it runs with."""
        if self.choice is None:
            raise RuntimeError("the frame has not started")
        return self.choice.split


@dataclass(slots=True)
class World:
    """One run.

    Attributes:
        uplink: The rate over time; the run starts at `start_s` of it.
        policy: Who chooses.
        rate_hz: Frames per second.
        rtt_s: Round trip.
        encode_s: Encoding and decoding of a frame.
        max_waiting: As in `AgentConfig`.
        jobs: Every frame, in order.
    """

    uplink: Trace
    policy: Policy
    rate_hz: float
    rtt_s: float = 0.05
    encode_s: float = 0.001
    max_waiting: int = 2
    start_s: float = 0.0
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
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def run(self, seconds: float, *, lead_s: float = 1.0) -> list[Job]:
        """Runs frames for so long, after a lead in which the link is measured; every frame ends."""
        self.now_s = self.link_free_s = self.start_s
        frames = int(seconds * self.rate_hz)
        for number in range(frames):
            self._at(self.start_s + lead_s + number / self.rate_hz, self._arrive)
        watcher = self.policy if self.policy.watches() else None
        if watcher is not None:
            self._at(self.start_s, self._look)
            self._at(self.start_s + HEARTBEAT_S, self._heartbeat)
        while self._events and not (len(self.jobs) == frames and all_done(self.jobs)):
            self.now_s, _, call = heapq.heappop(self._events)
            call()
        return self.jobs

    def _send(self, size: float, from_s: float) -> float:
        """Puts bytes on the link as soon as it is free; returns when the last has left it."""
        began_s = max(from_s, self.link_free_s)
        cold = self.policy.watches() and began_s - self.link_free_s > IDLE_S
        window = FIRST_WINDOW_BYTES if cold else math.inf
        while size > window:
            passed_s = self.uplink.time_after(began_s, window)
            began_s, size, window = max(passed_s, began_s + self.rtt_s), size - window, window * 2
        self.link_free_s = self.uplink.time_after(began_s, size)
        return self.link_free_s

    def _at(self, at_s: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._order), call))

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
        self._planned = self._planned or self.policy.choose(self.now_s, self)
        if len(self.in_flight) + self.local >= min(self._planned.in_flight, 8):
            return
        self._planned = None
        job = self.waiting.popleft()
        job.choice = self.policy.choose(self.now_s, self)
        self.head_runs = True
        self._at(self._work(job.split.edge_s), lambda: self._head_done(job))

    def _work(self, seconds: float) -> float:
        self.worker_free_s = max(self.worker_free_s, self.now_s) + seconds
        return self.worker_free_s

    def _head_done(self, job: Job) -> None:
        self.head_runs = False
        if self.policy.watches():
            self._observer.head_ran(job, self.now_s)
        if job.split.remote:
            self._hand_over(job)
        else:
            self._end(job, "edge_only")
        self._start_heads()

    # --- transfer and tail in the cloud

    def _hand_over(self, job: Job) -> None:
        choice = job.choice
        if choice is None:
            raise RuntimeError("a frame was sent before it started")
        job.sent_s = self.now_s + self.encode_s
        timeout_s = choice.deadline_s + len(self.in_flight) * choice.bottleneck_s
        self.in_flight[job.frame_id] = job
        if timeout_s < math.inf:
            self._at(job.sent_s + timeout_s, lambda: self._overdue(job))
        if self.policy.watches():
            self._observer.sent(job, job.sent_s)
        ended_s = self._send(job.split.sent_bytes, job.sent_s)
        if ended_s < math.inf:
            self._at(ended_s + self.rtt_s / 2, lambda: self._uploaded(job))

    def _uploaded(self, job: Job) -> None:
        if job.frame_id not in self.in_flight:
            return
        arrived_s = self.now_s
        self.cloud_free_s = max(self.cloud_free_s, self.now_s) + job.split.cloud_s
        server_s = self.cloud_free_s - arrived_s
        self._at(self.cloud_free_s + self.rtt_s / 2, lambda: self._answered(job, server_s))

    def _answered(self, job: Job, server_s: float) -> None:
        if job.frame_id not in self.in_flight:
            return
        if self.policy.watches():
            self._observer.answered(job, self.now_s, server_s)
        del self.in_flight[job.frame_id]
        self._end(job, "offloaded")
        self._start_heads()

    # --- no answer

    def _overdue(self, job: Job) -> None:
        if job.frame_id not in self.in_flight:
            return
        if self.policy.watches():
            self._observer.overdue(job, self.now_s)
        stale = min(self.uplink.bytes_between(self.now_s, self.link_free_s), STALE_BYTES)
        self.link_free_s = self.uplink.time_after(self.now_s, stale)
        for other in list(self.in_flight.values()):
            self._finish_here(other)

    def _finish_here(self, job: Job) -> None:
        del self.in_flight[job.frame_id]
        self.local += 1
        self._at(self._work(job.split.rest_s), lambda: self._finished_here(job))

    def _finished_here(self, job: Job) -> None:
        self.local -= 1
        self._end(job, "local_fallback")
        self._start_heads()

    def _end(self, job: Job, outcome: str) -> None:
        if job.done_s is not None:
            raise RuntimeError(f"frame {job.frame_id} ended twice")
        job.done_s, job.outcome = self.now_s, outcome

    # --- what runs beside the frames

    @property
    def _observer(self) -> Observer:
        return self.policy  # type: ignore[return-value] # asked only where `watches()`

    def _look(self) -> None:
        oldest = next(iter(self.in_flight.values()), None)
        if oldest is not None:
            self._observer.late(oldest, self.now_s)
        elif not self.measuring:
            self._measure()
        self._at(self.now_s + WATCH_S, self._look)

    def _heartbeat(self) -> None:
        self._observer.heartbeat(self.now_s)
        self._at(self.now_s + HEARTBEAT_S, self._heartbeat)

    def _measure(self) -> None:
        """A ping if one is due, and then a probe if one is due, as `CloudLink` does on an idle link."""
        if not self._observer.ping_due(self.now_s):
            self._probe()
            return
        self.measuring = True
        began_s = self.now_s
        answered_s = self._send(PING_BYTES, began_s) + self.rtt_s
        self._at(min(answered_s, began_s + PING_TIMEOUT_S), lambda: self._pinged(answered_s - began_s))

    def _pinged(self, seconds: float) -> None:
        if seconds <= PING_TIMEOUT_S:
            self._observer.pinged(seconds, self.now_s)
        self._probe()

    def _probe(self) -> None:
        size = self._observer.probe_due(self.now_s)
        self.measuring = size is not None
        if size is None:
            return
        began_s = self.now_s
        half_s = self._send(size / 2, began_s)
        end_s = self._send(size / 2, half_s)
        if end_s + self.rtt_s - began_s <= PROBE_TIMEOUT_S:
            self._at(end_s + self.rtt_s, lambda: self._probed(size / 2, end_s - half_s))
        else:
            self._at(began_s + PROBE_TIMEOUT_S, lambda: self._probed(size, None))

    def _probed(self, size: float, seconds: float | None) -> None:
        self.measuring = False
        self._observer.probed(size, seconds, self.now_s)


def all_done(jobs: list[Job]) -> bool:
    """Whether every frame has ended."""
    return all(job.done_s is not None for job in reversed(jobs))
