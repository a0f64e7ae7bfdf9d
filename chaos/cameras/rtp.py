"""RTP packets and RTCP reports, and H.264 as their payload: RFC 3550, RFC 6184 (single units and FU-A)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import pairwise

__all__ = ["CLOCK_HZ", "H264", "JPEG", "MOST_PAYLOAD_BYTES", "RtpStream", "h264_payloads", "nal_units"]

CLOCK_HZ = 90_000
H264, JPEG = 96, 26  # payload types: the first of those that SDP explains, and the static one
MOST_PAYLOAD_BYTES = 1400
_FU_A = 28
_START = re.compile(rb"\x00\x00\x00?\x01")
_UNIX_EPOCH_IN_NTP = 2_208_988_800


def nal_units(data: bytes) -> list[bytes]:
    """Divide H.264 with start codes into its units."""
    marks = [*_START.finditer(data)]
    starts = [mark.end() for mark in marks]
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    return [data[start:end] for start, end in zip(starts, ends, strict=True)]


def h264_payloads(data: bytes) -> Iterator[bytes]:
    """The payloads of a picture's packets: small units whole, large ones in fragments (FU-A)."""
    for unit in nal_units(data):
        if len(unit) <= MOST_PAYLOAD_BYTES:
            yield unit
            continue
        indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
        cuts = [*range(1, len(unit), MOST_PAYLOAD_BYTES - 2), len(unit)]
        for start, end in pairwise(cuts):
            flags = (0x80 if start == 1 else 0) | (0x40 if end == len(unit) else 0)
            yield bytes((indicator, flags | kind)) + unit[start:end]


class RtpStream:
    """The sender's side of one RTP session.

    Args:
        source: Its synchronisation source, 32 bits.
        sequence: The first packet's number, 16 bits.
        offset: The timestamp of time 0, 32 bits.
        payload_type: What its packets hold.
    """

    def __init__(self, source: int, sequence: int, offset: int, payload_type: int = H264) -> None:
        self._source = source
        self.sequence = sequence & 0xFFFF
        self._offset = offset
        self._payload_type = payload_type
        self._packets = 0
        self._bytes = 0

    def timestamp(self, seconds: float) -> int:
        """The timestamp of a time; it wraps at 32 bits."""
        return (self._offset + round(seconds * CLOCK_HZ)) & 0xFFFFFFFF

    def packets(self, payloads: Iterator[bytes], seconds: float) -> list[bytes]:
        """The packets of a picture, the last with the marker."""
        stamp, whole = self.timestamp(seconds), list(payloads)
        made = []
        for place, payload in enumerate(whole):
            marker = 0x80 if place == len(whole) - 1 else 0
            made.append(
                struct.pack(">BBHII", 0x80, marker | self._payload_type, self.sequence, stamp, self._source) + payload
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
            self._packets += 1
            self._bytes += len(payload)
        return made

    def report(self, seconds: float, wall_s: float) -> bytes:
        """A sender report with the sender's name: at `wall_s`, since 1970, the stream's time was `seconds`."""
        ntp = int((wall_s + _UNIX_EPOCH_IN_NTP) * 2**32) & 0xFFFFFFFFFFFFFFFF
        stamp, counts = self.timestamp(seconds), (self._packets & 0xFFFFFFFF, self._bytes & 0xFFFFFFFF)
        report = struct.pack(">BBHIQIII", 0x80, 200, 6, self._source, ntp, stamp, *counts)
        return report + struct.pack(">BBHI", 0x81, 202, 4, self._source) + b"\x01\x06camera\x00\x00\x00\x00"

    def bye(self, seconds: float, wall_s: float) -> bytes:
        """The packet that ends the stream."""
        return self.report(seconds, wall_s) + struct.pack(">BBHI", 0x81, 203, 1, self._source)
