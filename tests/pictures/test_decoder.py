"""Packets without their container give the pictures that the container's own decoder gives, by number."""

import io
from collections.abc import Callable

import av
import numpy as np
import pytest

from pictures import Packet, PacketDecoder, Picture, PictureError, StreamFormat, picture_of
from pictures.picture import MOST_PIXELS

Fed = tuple[StreamFormat, list[Packet], dict[int, Picture]]


def demuxed(data: bytes) -> Fed:
    """The format, the packets, and the pictures that the container's decoder makes of them, by packet."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        packets = [packet for packet in container.demux(stream) if packet.size]
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        frames = list(container.decode(stream))
        known = StreamFormat.of(stream, frames[0])
    order = sorted(range(len(packets)), key=lambda k: k if packets[k].pts is None else packets[k].pts)
    numbered = [Packet(k, bytes(packet), packet.is_keyframe) for k, packet in enumerate(packets)]
    return known, numbered, {k: picture_of(frame, known) for k, frame in zip(order, frames, strict=True)}


def given_out(decoder: PacketDecoder, packets: list[Packet]) -> dict[int, Callable[[], Picture]]:
    return {number: make for packet in packets for number, make in decoder.feed(packet)}


def same(one: Picture, other: Picture) -> bool:
    return one.aspect == other.aspect and np.array_equal(np.asarray(one.image), np.asarray(other.image))


def test_packets_alone_give_the_containers_pictures(odd_clip) -> None:
    known, packets, expected = demuxed(odd_clip.data)
    decoder = PacketDecoder(known)
    made = given_out(decoder, packets)
    assert len(made) >= len(expected) - decoder.delay  # the last ones are held back
    if known.is_intra:  # by Pillow on both sides, which FFmpeg is not equal to
        assert np.abs(np.asarray(made[0]().image).astype(int) - odd_clip.shows[0]).max() <= odd_clip.levels
        return
    for number, make in made.items():
        assert same(make(), expected[number])


def test_what_follows_a_packet_in_memory_is_not_decoded(corpus) -> None:
    slope = np.add.outer(np.arange(48), np.arange(64)) * 2
    moving = [np.repeat(((slope + 3 * k) % 256).astype(np.uint8)[:, :, None], 3, 2) for k in range(12)]
    for k, pixels in enumerate(moving):
        pixels[10:20, 2 * k : 2 * k + 9] = 200, 30, 90
    known, packets, expected = demuxed(corpus.video(tuple(moving), "avi", "mpeg4"))
    held = [memoryview(packet.data + b"\1" * 64)[: len(packet.data)] for packet in packets]
    followed = [Packet(k, data, packets[k].is_keyframe) for k, data in enumerate(held)]  # type: ignore[arg-type] # no copy
    made = given_out(PacketDecoder(known), followed)
    assert len(made) == len(expected)
    assert all(same(make(), expected[number]) for number, make in made.items())


def test_a_picture_comes_with_the_delays_last_packet(corpus) -> None:
    known, packets, _ = demuxed(corpus.video(tuple(corpus.quarters(shift=k) for k in range(12)), bf=2))
    decoder = PacketDecoder(known)
    assert decoder.delay == known.reorder > 0
    numbers = [number for packet in packets for number, _ in decoder.feed(packet)]
    assert numbers != sorted(numbers)  # display order
    assert len(numbers) == len(packets) - decoder.delay


def test_a_decoder_that_has_gone_on_leaves_earlier_pictures_as_they_were(corpus) -> None:
    known, packets, expected = demuxed(corpus.video(tuple(corpus.quarters(shift=k) for k in range(8))))
    made = given_out(PacketDecoder(known), packets)
    assert all(same(made[number](), expected[number]) for number in made)
    assert same(made[0](), expected[0])


def test_the_containers_colours_are_needed_and_used(corpus) -> None:
    shown = (corpus.quarters(),)
    # MPEG-4 part 2 has no flags in its packets here: only the container knows.
    plain, packets, _ = demuxed(corpus.video(shown, space=2))
    flagged = StreamFormat(
        plain.codec, plain.extradata, plain.width, plain.height, colour_range=2, colour_space=1, reorder=plain.reorder
    )
    one, other = (given_out(PacketDecoder(known), packets)[0]() for known in (plain, flagged))
    assert np.abs(np.asarray(one.image).astype(int) - np.asarray(other.image)).max() > 10


def test_after_a_damaged_packet_a_keyframe_gives_exact_pictures(corpus) -> None:
    known, packets, expected = demuxed(corpus.video(tuple(corpus.quarters(shift=k) for k in range(8)), g="4"))
    assert packets[4].is_keyframe
    decoder = PacketDecoder(known)
    decoder.feed(packets[0])
    with pytest.raises(PictureError, match="packet 1 "):
        decoder.feed(Packet(1, b"\xff" * 40, is_keyframe=False))
    with pytest.raises(PictureError, match="packet 2 is empty"):
        decoder.feed(Packet(2, b"", is_keyframe=False))
    made = given_out(decoder, packets[4:])
    assert made
    assert all(same(make(), expected[number]) for number, make in made.items())


def test_a_picture_that_the_decoder_made_up_in_part_is_refused(made_up) -> None:
    decoder = PacketDecoder(made_up.format)
    made = given_out(decoder, made_up.packets[:3])
    assert [number for number, _ in decoder.made_up] == [2]
    assert made[1]().image.size == (96, 96)
    with pytest.raises(PictureError, match="picture 2 is damaged"):
        made[2]()


def test_a_damaged_still_costs_itself_alone(corpus) -> None:
    known, packets, _ = demuxed(
        corpus.video(tuple(corpus.quarters() for _ in range(2)), "avi", "mjpeg", pix_fmt="yuvj444p")
    )
    decoder = PacketDecoder(known)
    ((number, make),) = decoder.feed(Packet(0, packets[0].data[:200], is_keyframe=True))
    assert number == 0
    with pytest.raises(PictureError):
        make()
    ((number, make),) = decoder.feed(packets[1])
    assert (number, make().image.size) == (1, (corpus.WIDTH, corpus.HEIGHT))


@pytest.mark.parametrize("codec", ["", "rawvideo", "no such", "pcm_s16le"])
def test_only_known_decoders_are_opened(codec: str) -> None:
    with pytest.raises(PictureError, match="container"):
        PacketDecoder(StreamFormat(codec))


def test_a_format_with_too_many_pixels_is_refused() -> None:
    with pytest.raises(PictureError):
        PacketDecoder(StreamFormat("h264", width=MOST_PIXELS, height=2))


def test_a_picture_with_too_many_pixels_is_refused() -> None:
    with pytest.raises(PictureError, match="at most"):
        picture_of(av.VideoFrame(16_000, 8_000, "gray"))
