"""Whether decoding can begin at a packet that is flagged as a keyframe: not at every recovery point of H.264."""

from __future__ import annotations

from collections.abc import Iterator

from pictures import StreamFormat

__all__ = ["begins_anew"]

_IDR = 5
_START_CODE = b"\x00\x00\x01"


def begins_anew(stream_format: StreamFormat, data: bytes) -> bool:
    """Whether a decoder that begins with this keyframe gives out its picture, and then all that are shown after it.

    With intra refresh FFmpeg flags packets from which on a decoder needs dozens more until it has a whole picture. For
    H.264 only instantaneous refreshes (IDR) count.
    """
    return stream_format.codec != "h264" or _IDR in _unit_types(data, _length_bytes(stream_format.extradata))


def _length_bytes(extradata: bytes) -> int:
    """Bytes of the length before each unit (ISO/IEC 14496-15, 5.3.3.1); 0: start codes separate them (Annex B)."""
    return (extradata[4] & 3) + 1 if len(extradata) > 4 and extradata[0] == 1 else 0  # see above


def _unit_types(data: bytes, length_bytes: int) -> Iterator[int]:
    position = 0
    while length_bytes and position + length_bytes < len(data):
        yield data[position + length_bytes] & 0x1F
        position += length_bytes + int.from_bytes(data[position : position + length_bytes], "big")
    while not length_bytes and (found := data.find(_START_CODE, position)) >= 0 and found + 3 < len(data):
        yield data[found + 3] & 0x1F
        position = found + 3
