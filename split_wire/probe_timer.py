"""The arithmetic of a probe, up or down: chunks to send, and bytes and seconds of the filler that arrived.

Pure; the time of each arrival is an argument. The first chunk's bytes do not count, because only the sender's clock
knows when its transfer began. The second half of the arrivals is right even when the probe begins in TCP slow start.
"""

from dataclasses import dataclass

from split_wire.limits import MAX_PROBE_BYTES

# Few enough chunks for a busy machine to keep up with a fast link, enough to time the second half.
_CHUNKS, _LEAST_CHUNK_BYTES = 48, 4096
_FEWEST_CHUNKS = 4  # so that a small probe has a second half


def chunk_bytes(size: int) -> int:
    """Return the size of the chunks in which a probe of `size` bytes is sent."""
    return max(size // _CHUNKS, min(_LEAST_CHUNK_BYTES, -(-size // _FEWEST_CHUNKS)))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Bytes that arrived, and the seconds that they took."""

    received_bytes: int
    received_s: float


class ProbeTimer:
    """Collects the arrivals of one probe.

    Args:
        max_bytes: Filler to accept.
    """

    def __init__(self, max_bytes: int = MAX_PROBE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._times_s: list[float] = []
        self._sizes: list[int] = []
        self._total = 0

    @property
    def full(self) -> bool:
        """Whether `max_bytes` have arrived."""
        return self._total >= self._max_bytes

    def arrived(self, now_s: float, size_bytes: int) -> None:
        """Add one chunk; an empty one is ignored."""
        if size_bytes:
            self._times_s.append(now_s)
            self._sizes.append(size_bytes)
            self._total += size_bytes

    def whole(self) -> Arrivals:
        """Return the arrivals after the first chunk; zeros if fewer than two chunks arrived."""
        return self._since(0)

    def second_half(self) -> Arrivals:
        """Return the second half of the arrivals after the first chunk; zeros as for `whole`."""
        return self._since((len(self._times_s) - 1) // 2)

    def _since(self, start: int) -> Arrivals:
        if len(self._times_s) < 2:
            return Arrivals(0, 0.0)
        return Arrivals(sum(self._sizes[start + 1 :]), self._times_s[-1] - self._times_s[start])
