"""The parameter sets of an H.264 or H.265 stream as its packets change them: pure.

A camera may send them in its description alone, or with each keyframe, or only when they change. A decoder that begins
at a later keyframe needs those that are in force there.

References:
    Rec. ITU-T H.264, 7.3.1 and Annex B; H.265, 7.3.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["ParameterSets"]

_START = re.compile(rb"\x00\x00\x01")
_H264 = (7, 8)  # sequence and picture parameter sets
_HEVC = (32, 33, 34)  # video parameter sets too
# Sets, in the order in which a decoder needs them; the first type of a coded slice, and the types below it.
_KINDS = {"h264": (_H264, range(1, 6)), "hevc": (_HEVC, range(32))}


class ParameterSets:
    """The sets in force.

    Args:
        codec: FFmpeg's name; codecs other than `h264` and `hevc` never change.
        extradata: Those of the description, with start codes.
    """

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._wanted, self._slices = _KINDS.get(codec, ((), range(0)))
        self._given = extradata
        self._known: dict[int, tuple[bytes, ...]] = {}
        if not extradata.startswith(b"\x01"):  # a box of MP4 has no start codes
            self._known = self._found(extradata)

    @property
    def extradata(self) -> bytes:
        """Those in force, with start codes."""
        if not self._known:
            return self._given
        return b"".join(b"\x00\x00\x00\x01" + unit for kind in sorted(self._known) for unit in self._known[kind])

    def saw(self, packet: bytes) -> bool:
        """Take the sets of a packet; returns whether they are others than before."""
        found = self._found(packet)
        if all(self._known.get(kind) == units for kind, units in found.items()):
            return False
        self._known |= found
        return True

    def _found(self, data: bytes) -> dict[int, tuple[bytes, ...]]:
        found: dict[int, tuple[bytes, ...]] = {}
        for unit in self._units(data) if self._wanted else ():
            kind = self._kind(unit)
            if kind in self._wanted:
                found[kind] = (*found.get(kind, ()), unit)
        return found

    def _kind(self, unit: bytes) -> int:
        return (unit[0] & 0x1F if self._codec == "h264" else unit[0] >> 1 & 0x3F) if unit else -1

    def _units(self, data: bytes) -> Iterator[bytes]:
        """The units before the first slice; each slice is found but not copied to its end."""
        starts = _START.finditer(data)
        start = next(starts, None)
        while start is not None:
            begin = start.end()
            if self._kind(data[begin : begin + 1]) in self._slices:
                return
            start = next(starts, None)
            # The zeros before the next start code are none of the unit's.
            yield data[begin : len(data) if start is None else start.start()].rstrip(b"\x00")
