import struct

from chaos.cameras.rtp import RtpStream, h264_payloads, nal_units

SPS, SLICE = b"\x67\x42\x1f", b"\x65" + bytes(range(1, 251)) * 20


def joined(payloads):
    """The units of single packets and fragments, as a receiver puts them together."""
    units, parts = [], b""
    for payload in payloads:
        if payload[0] & 0x1F != 28:
            units.append(payload)
            continue
        flags = payload[1]
        if flags & 0x80:
            parts = bytes((payload[0] & 0xE0 | flags & 0x1F,))
        parts += payload[2:]
        if flags & 0x40:
            units.append(parts)
    return units


def test_units_are_found_between_start_codes_of_either_length():
    assert nal_units(b"\x00\x00\x00\x01" + SPS + b"\x00\x00\x01" + SLICE) == [SPS, SLICE]


def test_large_units_are_sent_in_fragments_that_give_them_back():
    payloads = list(h264_payloads(b"\x00\x00\x00\x01" + SPS + b"\x00\x00\x01" + SLICE))
    assert len(payloads) == 5
    assert max(map(len, payloads)) <= 1400
    assert joined(payloads) == [SPS, SLICE]


def test_packets_are_numbered_and_the_last_is_marked():
    stream = RtpStream(source=5, sequence=0xFFFF, offset=0xFFFFFFFF)
    packets = stream.packets(iter([b"a", b"b"]), 1.0)
    assert [struct.unpack(">BBHII", packet[:12]) for packet in packets] == [
        (0x80, 96, 0xFFFF, 89_999, 5),
        (0x80, 0x80 | 96, 0, 89_999, 5),
    ]


def test_a_report_tells_the_wall_clock_and_what_was_sent():
    stream = RtpStream(source=5, sequence=0, offset=0)
    stream.packets(iter([b"abc"]), 0.0)
    kind, words, source, seconds, fraction, stamp, packets, sent = struct.unpack(
        ">xBHIIIIII", stream.report(2.0, 0.5)[:28]
    )
    assert (kind, words, source, stamp, packets, sent) == (200, 6, 5, 180_000, 1, 3)
    assert (seconds, fraction) == (2_208_988_800, 2**31)


def test_reports_consist_of_whole_packets_and_bye_is_the_last():
    kinds, rest = [], RtpStream(source=5, sequence=0, offset=0).bye(0.0, 0.0)
    while rest:
        kind, words = struct.unpack(">xBH", rest[:4])
        kinds.append(kind)
        rest = rest[4 + 4 * words :]
    assert kinds == [200, 202, 203]
