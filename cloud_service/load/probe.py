"""The arithmetic of an uplink probe: when filler arrived, and how fast that was.

Pure: told the size and the time of each arrival. Bytes count from the first arrival on, because the first chunk's own
transfer began at a time only the sender's clock knows. The second half is right even when the connection came out of
TCP slow start.
"""

from dataclasses import dataclass

from split_wire.limits import MAX_PROBE_BYTES


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Bytes that arrived, and the seconds they took."""

    received_bytes: int
    received_s: float


class ProbeTimer:
    """Collects the arrivals of one probe."""

    def __init__(self, max_bytes: int = MAX_PROBE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._times_s: list[float] = []
        self._sizes: list[int] = []
        self._total = 0

    @property
    def full(self) -> bool:
        """Whether no more filler is wanted."""
        return self._total >= self._max_bytes

    def arrived(self, now_s: float, size_bytes: int) -> None:
        """Take in one chunk. Empty chunks carry nothing and are not counted."""
        if size_bytes:
            self._times_s.append(now_s)
            self._sizes.append(size_bytes)
            self._total += size_bytes

    def whole(self) -> Arrivals:
        """Return what came after the first chunk; zeros where fewer than two chunks arrived."""
        return self._since(0)

    def second_half(self) -> Arrivals:
        """Return what came in the second half of the arrivals after the first."""
        return self._since((len(self._times_s) - 1) // 2)

    def _since(self, start: int) -> Arrivals:
        if len(self._times_s) < 2:
            return Arrivals(0, 0.0)
        return Arrivals(sum(self._sizes[start + 1 :]), self._times_s[-1] - self._times_s[start])
