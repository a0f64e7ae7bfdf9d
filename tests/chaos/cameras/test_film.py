import av
import pytest

from chaos.cameras.bar_code import picture_number
from chaos.cameras.film import Film, write_clip


def decoded(units, codec):
    decoder = av.CodecContext.create(codec, "r")
    pictures = []
    for unit in [*units, None]:
        packet = None if unit is None else av.Packet(unit.data)
        if packet is not None:
            packet.pts = unit.number
        pictures += decoder.decode(packet)
    return [(picture.pts, picture_number(picture.to_ndarray(format="rgb24"))) for picture in pictures]


@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 0), ("h264", 2), ("mjpeg", 0)])
def test_each_picture_has_its_number_and_is_found_by_it(codec, b_frames):
    film = Film(160, 90, codec=codec, b_frames=b_frames, keyframe_every=10, first=7)
    units = [unit for _ in range(25) for unit in film.shoot()] + film.rest()
    assert decoded(units, codec) == [(number, number) for number in range(7, 32)]
    keyframes = [unit.number for unit in units if unit.is_keyframe]
    assert keyframes == ([7, 17, 27] if codec == "h264" else list(range(7, 32)))
    in_display_order = [unit.number for unit in units] == sorted(unit.number for unit in units)
    assert in_display_order == (b_frames == 0)


def test_pictures_drawn_with_the_same_numbers_are_the_same_bits():
    one, other = Film(160, 90), Film(160, 90, first=500, draws=0)
    units = [[unit for _ in range(5) for unit in film.shoot()] for film in (one, other)]
    assert [unit.data for unit in units[0]] == [unit.data for unit in units[1]]
    assert [unit.number for unit in units[1]] == [500, 501, 502, 503, 504]


def test_a_clip_holds_the_numbers_at_their_times(tmp_path):
    write_clip(tmp_path / "clip.mp4", 12, width=160, height=90, b_frames=2, keyframe_every=6)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        seen = [(picture_number(frame.to_ndarray(format="rgb24")), frame.time) for frame in container.decode(video=0)]
    assert [number for number, _ in seen] == list(range(12))
    assert [time - seen[0][1] for _, time in seen] == pytest.approx([number / 25 for number in range(12)])
