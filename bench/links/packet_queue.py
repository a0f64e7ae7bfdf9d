"""One direction of a packet link as a pure law: a bounded queue, the rate of a trace, a fixed delay.

What a router does: packets wait in line for the link, and one that finds the line full is dropped (tail drop). The
line holds the larger of one round trip and 50 ms of the trace's mean rate, at least 20 full packets.
"""

import math
from collections import deque

from link_emulator import Trace
from link_emulator.shaper import Shaper

_QUEUE_S = 0.05
_MIN_QUEUE_BYTES = 20 * 1500


class PacketQueue:
    """Takes packets in, gives them out when they have crossed. Time in seconds of any clock that does not go back.

    Args:
        trace: The rate over time from `now_s` on; counts whole IP packets.
        delay_s: One-way propagation delay.
        rtt_s: Of both directions; sizes the line.
        now_s: The present.
    """

    def __init__(self, trace: Trace, *, delay_s: float, rtt_s: float, now_s: float) -> None:
        self._shaper = Shaper(trace, now_s)
        self._delay_s = delay_s
        self._queue_s = max(rtt_s, _QUEUE_S)
        self._limit_bytes = _limit_bytes(trace, self._queue_s)
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._queued_bytes = 0  # waiting or in service
        self._in_service: bytes | None = None
        self._flying: deque[tuple[float, bytes]] = deque()
        self.passed = 0
        self.dropped = 0

    def arrive(self, packet: bytes, now_s: float) -> None:
        if self._queued_bytes + len(packet) > self._limit_bytes:
            self.dropped += 1
            return
        self._queued_bytes += len(packet)
        self._waiting.append((now_s, packet))

    def set_trace(self, trace: Trace, now_s: float) -> None:
        """Go on with another trace, from its beginning; packets in line stay."""
        self._serve(now_s)
        self._shaper.set_trace(trace, max(now_s, self._shaper.departure_s) if self._in_service is None else now_s)
        self._limit_bytes = _limit_bytes(trace, self._queue_s)

    def due(self, now_s: float) -> list[bytes]:
        """The packets that have crossed by now, in order."""
        self._serve(now_s)
        crossed = []
        while self._flying and self._flying[0][0] <= now_s:
            crossed.append(self._flying.popleft()[1])
        return crossed

    def next_s(self) -> float:
        """When `due` should be asked again; infinite while nothing is on its way. Ask right after `due`."""
        departure_s = self._shaper.departure_s + self._delay_s if self._in_service is not None else math.inf
        return min(departure_s, self._flying[0][0] if self._flying else math.inf)

    def _serve(self, now_s: float) -> None:
        while True:
            if self._in_service is None:
                if not self._waiting:
                    return
                arrival_s, self._in_service = self._waiting.popleft()
                self._shaper.send(len(self._in_service), arrival_s)
            departure_s = self._shaper.departure_s
            if departure_s > now_s:
                return
            self._flying.append((departure_s + self._delay_s, self._in_service))
            self._queued_bytes -= len(self._in_service)
            self._in_service = None
            self.passed += 1


def _limit_bytes(trace: Trace, queue_s: float) -> int:
    span_s = 1.0 if math.isinf(trace.period_s) else trace.period_s
    return max(int(trace.bytes_between(0.0, span_s) / span_s * queue_s), _MIN_QUEUE_BYTES)
