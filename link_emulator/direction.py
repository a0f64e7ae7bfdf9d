"""One direction of the link on the event loop: a bounded queue, then a `Shaper`, then a `DelayLine`.

A parcel is a size and an action to run on arrival; this module does not know of sockets. Times are absolute: a late
event loop runs everything that is due at once, so its lateness does not accumulate.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from link_emulator.shaper import DelayLine, Shaper
from link_emulator.trace import Trace

# A chunk is the bytes that are sent at a time: small enough that connections share the link evenly and a change of the
# rate takes effect at once, large enough that Python's speed does not limit a fast link. At least one full TCP segment
# on Ethernet.
_CHUNK_S = 0.002
_MIN_CHUNK_BYTES = 1448
_MAX_CHUNK_BYTES = 64 * 1024
# The queue in front of the link: long enough to keep the link busy while the event loop is late, and no longer, because
# only a full queue slows the sender.
_QUEUE_S = 0.025
_MAX_QUEUE_BYTES = 4 * 1024 * 1024
# epoll rounds timers up to whole milliseconds. Events due within half a millisecond are run now, so that times are
# right on average. Departures are planned exactly, so this does not affect the rate.
_TIMER_SLACK_S = 0.0005


@dataclass(frozen=True, slots=True)
class _Parcel:
    size_bytes: int
    arrival_s: float
    deliver: Callable[[], None]


class Direction:
    """One direction of a link.

    Args:
        trace: The rate over time; its clock starts at 0 now.
        delay_line: The propagation delay and jitter.
        loop: The event loop; its clock is used.
    """

    def __init__(self, trace: Trace, delay_line: DelayLine, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._shaper = Shaper(trace, loop.time())
        self._delay_line = delay_line
        self._cut = False
        self._waiting: deque[_Parcel] = deque()
        self._queued_bytes = 0  # waiting or in service
        self._in_service: _Parcel | None = None
        self._flying: deque[tuple[float, _Parcel]] = deque()  # (arrival time, parcel) after departure
        self._room_wanted: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None

    def chunk_bytes(self) -> int:
        """Return how many bytes to send at a time, at the present rate."""
        return int(min(max(self._rate_bps() * _CHUNK_S / 8, _MIN_CHUNK_BYTES), _MAX_CHUNK_BYTES))

    def has_room(self) -> bool:
        """Whether the queue accepts more; senders must stop when it does not."""
        return self._queued_bytes < self._limit_bytes()

    def call_when_room(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when the queue has room again."""
        self._room_wanted.append(callback)

    def send(self, size_bytes: int, deliver: Callable[[], None], *, arrival_s: float) -> None:
        """Put a parcel into the queue, even if the queue is full.

        Args:
            size_bytes: Its size on the link.
            deliver: Called when the parcel has crossed the link.
            arrival_s: When it arrived at the queue, on the loop's clock: now, or a little earlier.
        """
        self._waiting.append(_Parcel(size_bytes, arrival_s, deliver))
        self._queued_bytes += size_bytes
        if self._in_service is None:
            self._run()

    def set_trace(self, trace: Trace) -> None:
        """Continue with another trace, from its beginning."""
        self._change(lambda now_s: self._shaper.set_trace(trace, now_s))

    def restart(self) -> None:
        """Start the trace's clock at 0 again."""
        self._change(self._shaper.restart)

    def cut(self) -> None:
        """Stop all departures and arrivals until `restore`."""
        if not self._cut:
            self._change(self._shaper.cut)
            self._cut = True
            self._arm()

    def restore(self) -> None:
        """Undo `cut`."""
        if self._cut:
            self._cut = False
            self._change(self._shaper.restore)

    def close(self) -> None:
        """Drop all parcels and cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        self._flying.clear()
        self._room_wanted.clear()

    def _rate_bps(self) -> float:
        return self._shaper.rate_at(self._loop.time())

    def _limit_bytes(self) -> int:
        return int(min(max(self._rate_bps() * _QUEUE_S / 8, 2 * _MIN_CHUNK_BYTES), _MAX_QUEUE_BYTES))

    def _change(self, apply: Callable[[float], None]) -> None:
        self._run()  # parcels due by now leave under the old conditions
        # The last parcel may have left up to the slack early; its departure must not be changed any more.
        now_s = self._loop.time()
        apply(now_s if self._in_service is not None else max(now_s, self._shaper.departure_s))
        self._run()

    def _run(self) -> None:
        """Run everything that is due, then set the timer for the next event."""
        due_s = self._loop.time() + _TIMER_SLACK_S
        self._serve(due_s)
        while not self._cut and self._flying and self._flying[0][0] <= due_s:
            self._flying.popleft()[1].deliver()
        if self._room_wanted and self._queued_bytes <= self._limit_bytes() / 2:
            wanted, self._room_wanted = self._room_wanted, []
            for callback in wanted:
                callback()
        self._arm()

    def _serve(self, due_s: float) -> None:
        while True:
            if self._in_service is None:
                if not self._waiting:
                    return
                self._in_service = self._waiting.popleft()
                self._shaper.send(self._in_service.size_bytes, self._in_service.arrival_s)
            departure_s = self._shaper.departure_s
            if departure_s > due_s:
                return
            self._queued_bytes -= self._in_service.size_bytes
            self._flying.append((self._delay_line.arrival_s(departure_s), self._in_service))
            self._in_service = None

    def _arm(self) -> None:
        """Set the one timer to the next departure or arrival."""
        next_s = self._shaper.departure_s if self._in_service is not None else math.inf
        if self._flying:
            next_s = min(next_s, self._flying[0][0])
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if next_s < math.inf and not self._cut:
            self._timer = self._loop.call_at(next_s - _TIMER_SLACK_S, self._run)
