import struct

import pytest

from chaos.cameras.film import Film
from chaos.cameras.rtp_jpeg import jpeg_payloads


def test_the_fragments_give_the_scan_and_the_first_has_the_tables():
    [unit] = Film(320, 184, codec="mjpeg").shoot()
    payloads = list(jpeg_payloads(unit.data, 320, 184))
    assert len(payloads) > 1
    scan = b""
    for payload in payloads:
        place, kind, quality, width, height = struct.unpack(">IBBBB", payload[:8])
        assert (place, kind, quality, 8 * width, 8 * height) == (len(scan), 1, 255, 320, 184)
        scan += payload[8:] if scan else payload[8 + 4 + 128 :]
    assert payloads[0][8:12] == struct.pack(">HH", 0, 128)
    assert unit.data.endswith(scan + b"\xff\xd9")


def test_other_sides_are_refused():
    with pytest.raises(ValueError, match="multiples of 8, not 320x180"):
        next(jpeg_payloads(b"", 320, 180))
