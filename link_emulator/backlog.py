"""When bytes arrived, though they were read later.

A busy machine wakes the relay late. Bytes that it then finds in a socket did not arrive at that moment, and a link that
believed so would lose the time in between. So after each read it is noted how far the bytes in the kernel reach: what
is read later, up to there, had arrived by then.
"""

from __future__ import annotations

from collections import deque


class Backlog:
    """Remembers by when which bytes of a stream were in the kernel. Pure; time in seconds of any clock."""

    __slots__ = ("_read_bytes", "_seen")

    def __init__(self) -> None:
        self._read_bytes = 0
        self._seen: deque[tuple[int, float]] = deque()  # the stream up to here had arrived at this time

    def saw(self, waiting_bytes: int, now_s: float) -> None:
        """Note that so many bytes wait to be read."""
        end = self._read_bytes + waiting_bytes
        if waiting_bytes and (not self._seen or self._seen[-1][0] < end):
            self._seen.append((end, now_s))

    def read(self, size_bytes: int, now_s: float) -> float:
        """Take the next bytes of the stream.

        Returns:
            The time by which the last of them is known to have arrived.
        """
        self._read_bytes += size_bytes
        while self._seen and self._seen[0][0] < self._read_bytes:
            self._seen.popleft()
        return self._seen[0][1] if self._seen else now_s
