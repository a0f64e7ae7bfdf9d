import av
import pytest

from chaos.cameras.film import Film
from edge_service.sources.live.parameter_sets import ParameterSets

START, LONG = b"\x00\x00\x01", b"\x00\x00\x00\x01"
SPS, PPS, OTHER_SPS = b"\x67\x42\x00\x0a\xaa", b"\x68\xce\x38\x80", b"\x67\x42\x00\x14\xbb"
SLICE, KEY_SLICE, AUD, SEI = b"\x41\x9a\x00\x00\x03", b"\x65\x88\x67\x42", b"\x09\xf0", b"\x06\x05\x01\x00\x80"


def packet(*units: bytes, start: bytes = START) -> bytes:
    return b"".join(start + unit for unit in units)


def test_the_description_alone() -> None:
    sets = ParameterSets("h264", packet(SPS, PPS))
    assert not sets.saw(packet(AUD, SLICE))
    assert not sets.saw(packet(KEY_SLICE))
    assert sets.extradata == packet(SPS, PPS, start=LONG)


def test_keyframes_that_repeat_them_change_nothing() -> None:
    sets = ParameterSets("h264", packet(SPS, PPS))
    assert not sets.saw(packet(AUD, SPS, PPS, SEI, KEY_SLICE, start=LONG))


def test_a_change_in_band() -> None:
    sets = ParameterSets("h264", packet(SPS, PPS))
    assert sets.saw(packet(OTHER_SPS, KEY_SLICE))
    assert sets.extradata == packet(OTHER_SPS, PPS, start=LONG)
    assert not sets.saw(packet(OTHER_SPS, KEY_SLICE))


def test_nothing_in_the_description() -> None:
    sets = ParameterSets("h264", b"")
    assert not sets.saw(packet(SLICE))
    assert sets.saw(packet(SPS, PPS, KEY_SLICE))
    assert sets.extradata == packet(SPS, PPS, start=LONG)


def test_what_a_slice_holds_is_no_set() -> None:
    sets = ParameterSets("h264", b"")
    assert not sets.saw(packet(KEY_SLICE + START + OTHER_SPS))


def test_h265_has_one_kind_more() -> None:
    video, sequence, picture, key = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1", b"\x26\x01\xaf"
    sets = ParameterSets("hevc", b"")
    assert sets.saw(packet(video, sequence, picture, key))
    assert sets.extradata == packet(video, sequence, picture, start=LONG)
    assert not sets.saw(packet(b"\x02\x01\xd0"))


@pytest.mark.parametrize("data", [b"", b"\x00\x00", START, START + START, b"\xff" * 40, LONG + b"\x67"])
def test_odd_bytes_do_no_harm(data: bytes) -> None:
    for codec in ("h264", "hevc", "vp9"):
        ParameterSets(codec, data).saw(data)


def test_a_box_of_mp4_is_kept_as_it_is() -> None:
    sets = ParameterSets("h264", b"\x01\x42\x00\x0a")
    assert not sets.saw(packet(SLICE))
    assert sets.extradata == b"\x01\x42\x00\x0a"


def test_a_decoder_begins_at_a_keyframe_without_sets_with_those_found_before() -> None:
    units = Film(64, 48, keyframe_every=3, rate_hz=25.0)
    packets = [unit.data for _ in range(6) for unit in units.shoot()]
    sets = ParameterSets("h264", b"")
    assert sets.saw(packets[0])
    bare = packets[3][packets[3].index(b"\x00\x00\x01\x65") :]  # as cameras send it that name their sets once
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = sets.extradata
    frames = [frame for data in (bare, packets[4]) for frame in decoder.decode(av.Packet(data))] + decoder.decode(None)
    assert len(frames) == 2
