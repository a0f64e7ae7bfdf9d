"""A JPEG as payloads of RTP, without the headers that a receiver makes again: RFC 2435."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from chaos.cameras.rtp import MOST_PAYLOAD_BYTES

__all__ = ["jpeg_payloads"]

_TABLES, _SCAN = 0xDB, 0xDA
_TABLE_BYTES = 64
_YUV420, _TABLES_IN_BAND = 1, 255


def jpeg_payloads(data: bytes, width: int, height: int) -> Iterator[bytes]:
    """The payloads of a JPEG in 4:2:0 with the standard's Huffman tables.

    Raises:
        ValueError: Its sides are no multiples of 8, or it is no such JPEG.
    """
    if width % 8 or height % 8:
        raise ValueError(f"JPEGs over RTP have sides that are multiples of 8, not {width}x{height}")
    tables, scan = _parts(data)
    header = b"\x00" + len(tables).to_bytes(3, "big") + tables
    place = 0
    while place < len(scan):
        head = struct.pack(">IBBBB", place, _YUV420, _TABLES_IN_BAND, width // 8, height // 8)
        head += header if place == 0 else b""
        part = scan[place : place + MOST_PAYLOAD_BYTES - len(head)]
        yield head + part
        place += len(part)


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The quantization tables of brightness and colour, and the scan."""
    tables: list[bytes] = []
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, end = data[place + 1], place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : end]
        if marker == _TABLES:
            # Each has a byte before it, its precision and number.
            tables += [body[at + 1 : at + 1 + _TABLE_BYTES] for at in range(0, len(body), 1 + _TABLE_BYTES)]
        place = end
        if marker == _SCAN and tables:
            return tables[0] + tables[-1], data[place:].removesuffix(b"\xff\xd9")
    raise ValueError("not a JPEG with tables and a scan")
