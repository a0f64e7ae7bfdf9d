"""Cuts a stream of bytes into JPEGs by their own markers: pure.

What lies between them, such as the boundaries and headers of multipart/x-mixed-replace, is skipped. Small cameras count
their lengths wrongly, leave them out, or write another boundary than they announce; where a JPEG ends it says itself.
So a picture is there with its last byte, not with the next picture's first.

References:
    Rec. ITU-T T.81, B.1.1: markers; in coded data a byte 0xFF is followed by 0x00 or a restart marker.
"""

from __future__ import annotations

import re

__all__ = ["JpegStream", "TooLargeError"]

_MOST_BYTES = 32 * 1024 * 1024
_START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment


class TooLargeError(ValueError):
    """A picture does not end."""


class JpegStream:
    """Takes bytes as they come, and gives the JPEGs in them; holds at most one.

    Args:
        most_bytes: The largest picture.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held = bytearray()
        self._at = 0  # what is before it was looked at
        self._in_scan = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes.

        Returns:
            The pictures that they complete. One that another begins in the middle of is given as far as it came.

        Raises:
            TooLargeError: A picture is larger than allowed.
        """
        self._held += data
        found = []
        while (end := self._end()) is not None:
            if end >= len(_START):  # else another begins right behind the first two bytes
                found.append(bytes(self._held[:end]))
            del self._held[:end]
            self._at, self._in_scan = 0, False
        if len(self._held) > self._most_bytes:
            raise TooLargeError(f"a picture has more than {self._most_bytes} bytes")
        return found

    def _end(self) -> int | None:
        """Where the held picture ends; None if that is not known yet."""
        held = self._held
        if self._at == 0:
            start = held.find(_START)
            del held[: start if start >= 0 else max(0, len(held) - len(_START) + 1)]
            if start < 0:
                return None
            self._at = 2
        while self._at + 4 <= len(held) or self._in_scan:
            if self._in_scan:
                found = _MARKER.search(held, self._at)
                if found is None:
                    self._at = max(self._at, len(held) - 1)  # the last byte may begin a marker
                    return None
                self._at, self._in_scan = found.start(), False
                continue
            marker = held[self._at + 1]
            if held[self._at] != 0xFF or marker == _SOI:
                return self._cut()
            if marker == _EOI:
                return self._at + 2
            self._pass(marker)
        # An end has no segment: it may be the last two bytes.
        return len(held) if self._at + 2 == len(held) and held.endswith(b"\xff\xd9") else None

    def _cut(self) -> int:
        """A picture that breaks off ends where the next one begins, or here."""
        following = self._held.find(_START, self._at)
        return following if following >= 0 else len(self._held)

    def _pass(self, marker: int) -> None:
        """Go on behind a marker and its segment."""
        if marker == 0xFF:  # a byte that fills
            self._at += 1
        elif marker in _ALONE:
            self._at += 2
        else:
            self._at += 2 + max(2, int.from_bytes(self._held[self._at + 2 : self._at + 4], "big"))
            self._in_scan = marker == _SOS
