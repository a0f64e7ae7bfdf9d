"""Pictures from packets: each decoded once where they are asked for in order, and found again where they are not."""

import io
from collections import Counter

import av
import numpy as np
import pytest

from pictures import Compressed, PacketHistory, PictureError, StreamFormat, picture_of
from pictures.decoder import PacketDecoder


def clip(**options):
    """A clip of 40 pictures, H.264 with B-frames, a keyframe every 12: (format, packets, pictures by number)."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"g": "12", "bf": "2", "preset": "ultrafast"} | options
        )
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        texture = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
        for i in range(40):
            shown = np.ascontiguousarray(texture[i // 2 : i // 2 + 48, i : i + 64])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        stream = container.streams.video[0]
        stream_format = StreamFormat.of(stream)
        packets = [(bytes(packet), packet.is_keyframe, packet.pts) for packet in container.demux(stream) if packet.size]
    file.seek(0)
    with av.open(file) as container:
        shown = {frame.pts: np.asarray(picture_of(frame).image) for frame in container.decode(video=0)}
    return stream_format, packets, {number: shown[pts] for number, (_, _, pts) in enumerate(packets)}


@pytest.fixture(scope="module")
def source():
    return clip()


@pytest.fixture
def fed(monkeypatch):
    """How often each packet was decoded."""
    counts = Counter()
    feed = PacketDecoder.feed

    def counted(self, packet):
        counts[packet.number] += 1
        return feed(self, packet)

    monkeypatch.setattr(PacketDecoder, "feed", counted)
    return counts


def compressed(source, **limits):
    """Every picture of a clip, in display order."""
    stream_format, packets, _ = source
    history = PacketHistory(stream_format, **limits)
    order = sorted(range(len(packets)), key=lambda number: packets[number][2])
    made, rank = [], 0
    for count, (data, is_keyframe, _) in enumerate(packets):
        history.add(data, is_keyframe=is_keyframe)
        while rank < len(order) and max(rank + history.delay, order[rank]) <= count:
            made.append(Compressed(history, order[rank], count))
            rank += 1
    history.ended = True
    return made + [Compressed(history, number, len(packets) - 1, is_complete=False) for number in order[rank:]]


def pixels(wanted):
    return np.asarray(wanted.picture().image)


def test_in_order_every_packet_is_decoded_once_and_every_picture_is_right(source, fed):
    for wanted in compressed(source):
        assert np.array_equal(pixels(wanted), source[2][wanted.number])
    assert fed == Counter(range(40))


@pytest.mark.parametrize("step", [-1, 7])
def test_in_any_order_every_picture_is_right(source, step):
    made = compressed(source)
    for wanted in made[::step] + made[3::5]:
        assert np.array_equal(pixels(wanted), source[2][wanted.number])


def test_a_picture_asked_for_again_is_not_decoded_again(source, fed):
    wanted = compressed(source)[5]
    first = pixels(wanted)
    before = Counter(fed)
    assert np.array_equal(pixels(wanted), first)
    assert fed == before
    assert wanted.history.work(wanted) == 0


def test_decoding_begins_at_the_last_keyframe(source, fed):
    wanted = compressed(source)[20]
    assert wanted.start == wanted.history.keyframe(wanted.number) == 12
    assert wanted.history.work(wanted) == wanted.through - 11
    pixels(wanted)
    assert min(fed) == 12


def test_a_picture_holds_its_packets_longer_than_the_history(source):
    made = compressed(source)
    history = made[0].history
    assert history.between(0, 3) is None
    assert [packet.number for packet in made[3].packets(0)] == list(range(made[3].through + 1))
    assert np.array_equal(pixels(made[0]), source[2][made[0].number])


def test_a_group_that_is_too_large_is_decoded_along():
    source = clip(g="1000")
    stream_format, packets, shown = source
    history = PacketHistory(stream_format, most_packets=10)
    for data, is_keyframe, _ in packets:
        history.add(data, is_keyframe=is_keyframe)
    last = Compressed(history, 39, 39, is_complete=False)
    assert last.is_cut_off
    assert history.keyframe(39) is None
    history.ended = True
    assert np.array_equal(pixels(last), shown[39])
    with pytest.raises(PictureError, match="not kept any more"):
        history.picture(5, 8)


def test_a_decoder_that_is_later_than_thought_is_waited_for(source):
    stream_format, packets, shown = source
    history = PacketHistory(stream_format)
    history.delay = 0
    for data, is_keyframe, _ in packets[:8]:
        history.add(data, is_keyframe=is_keyframe)
    assert np.array_equal(np.asarray(history.picture(0, 0).image), shown[0])
    assert history.delay == stream_format.reorder


def test_a_damaged_packet_costs_its_pictures_and_not_the_next_group(source):
    stream_format, packets, shown = source
    history = PacketHistory(stream_format)
    for number, (data, is_keyframe, _) in enumerate(packets[:20]):
        history.add(b"nothing" if number == 0 else data, is_keyframe=is_keyframe)
    with pytest.raises(PictureError, match="packet 0 cannot be decoded"):
        history.picture(0, 3)
    assert np.array_equal(np.asarray(history.picture(12, 15).image), shown[12])


@pytest.mark.parametrize("asked", [(3,), (2, 3)])
def test_what_refers_to_a_picture_that_is_made_up_in_part_is_lost_too(made_up, asked):
    history = PacketHistory(made_up.format)
    for packet in made_up.packets:
        history.add(packet.data, is_keyframe=packet.is_keyframe)
    for number in asked:
        with pytest.raises(PictureError, match="picture 2 is damaged"):
            history.picture(number, number)
    assert history.picture(1, 1).image.size == (96, 96)


def test_damage_ends_at_a_recovery_but_for_pictures_shown_before_it(made_up):
    history = PacketHistory(made_up.format)
    for packet in made_up.packets:
        history.add(packet.data, is_keyframe=packet.is_keyframe)
    history.add(made_up.packets[0].data, is_keyframe=False, is_recovery=True)
    history.add(made_up.packets[1].data, is_keyframe=False, is_leading=True)
    history.add(made_up.packets[1].data, is_keyframe=False)
    pictures = [Compressed(history, number, number) for number in range(7)]
    with pytest.raises(PictureError):
        pictures[2].picture()
    assert [picture.damage is None for picture in pictures] == [True, True, False, False, True, False, True]
    assert [pictures[6].is_damaged(first) for first in (0, 2, 3)] == [True, True, False]
    assert pictures[6].start == 0
    assert np.array_equal(pixels(pictures[4]), pixels(pictures[0]))


@pytest.mark.parametrize(("begins", "disposable"), [(False, False), (True, True)])
def test_a_picture_that_is_made_up_in_part_spoils_nothing_where_none_refers_to_it(made_up, begins, disposable):
    """Nor where decoding did not begin at a keyframe: a decoder calls the first pictures damaged until it has all."""
    history = PacketHistory(made_up.format)
    for packet in made_up.packets:
        is_disposable = disposable and packet.number == 2
        history.add(packet.data, is_keyframe=begins and packet.is_keyframe, is_disposable=is_disposable)
    with pytest.raises(PictureError, match="picture 2 is damaged"):
        history.picture(2, 2)
    assert history.picture(3, 3).image.size == (96, 96)
