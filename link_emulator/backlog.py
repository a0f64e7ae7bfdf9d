"""The arrival times of bytes that are read late.

A busy machine wakes the relay late. The bytes in the socket have arrived before that, and counting them from the
wake-up would lose link time. So each look at the socket notes how many bytes wait there; bytes up to that place in the
stream had arrived by then, even if they are read later.
"""

from __future__ import annotations

from collections import deque


class Backlog:
    """Records by what time which bytes of a stream were in the kernel. Pure; times in seconds on any clock."""

    __slots__ = ("_read_bytes", "_seen")

    def __init__(self) -> None:
        self._read_bytes = 0
        self._seen: deque[tuple[int, float]] = deque()  # (bytes of the stream, the time by which they had arrived)

    def saw(self, waiting_bytes: int, now_s: float) -> None:
        """Record that `waiting_bytes` wait to be read now."""
        end = self._read_bytes + waiting_bytes
        if waiting_bytes and (not self._seen or self._seen[-1][0] < end):
            self._seen.append((end, now_s))

    def read(self, size_bytes: int, now_s: float) -> float:
        """Take the next bytes of the stream.

        Returns:
            The earliest recorded time by which the last of them had arrived.
        """
        self._read_bytes += size_bytes
        while self._seen and self._seen[0][0] < self._read_bytes:
            self._seen.popleft()
        return self._seen[0][1] if self._seen else now_s
