"""Packets to shots: the pictures, order and times of a decoder, without decoding; and what cannot be treated so."""

import io
from dataclasses import replace

import av
import numpy as np
import pytest

from edge_service.sources.packet_shots import PacketShots, takes_packets
from edge_service.sources.shots import CompressedShot
from pictures import PictureError, StreamFormat, picture_of

COUNT = 48


def packets_of(file):
    """Format, and (data, is_keyframe, pts_s, dts_s) of every packet."""
    with av.open(io.BytesIO(file)) as container:
        stream = container.streams.video[0]
        tick_s = float(stream.time_base)
        times = [
            (bytes(packet), packet.is_keyframe, *(at if at is None else at * tick_s for at in (packet.pts, packet.dts)))
            for packet in container.demux(stream)
            if packet.size
        ]
        return StreamFormat.of(stream), times


def decoded(file):
    with av.open(io.BytesIO(file)) as container:
        return [(frame.time, np.asarray(picture_of(frame).image)) for frame in container.decode(video=0)]


def played(stream_format, packets):
    shots = PacketShots(stream_format)
    made = [shot for packet in packets for shot in shots.add(*packet)]
    return made + shots.end()


def check_equal(shots, expected):
    assert [shot.at_s for shot in shots] == pytest.approx([at_s for at_s, _ in expected])
    for shot, (_, pixels) in zip(shots, expected, strict=True):
        assert np.array_equal(np.asarray(shot.item.picture().image), pixels)


CLIPS = {
    "B-frames": ("libx264", "mp4", {"bf": "3", "g": "20"}),
    "open groups": ("libx264", "matroska", {"bf": "3", "g": "20", "x264-params": "open-gop=1"}),
    "start codes": ("libx264", "mpegts", {"bf": "2", "g": "20"}),
    "intra refresh": ("libx264", "mp4", {"x264-params": "intra-refresh=1:keyint=20"}),
    "H.265, open groups": ("libx265", "mp4", {"x265-params": "keyint=20:bframes=3:log-level=none"}),
    "MPEG-4": ("mpeg4", "mp4", {"bf": "2", "g": "12"}),
    "VP8, hidden pictures": ("libvpx", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "20", "b": "200k"}),
    "VP9": ("libvpx-vp9", "webm", {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "20", "deadline": "realtime"}),
}


@pytest.mark.parametrize("name", CLIPS)
def test_shots_are_what_a_player_shows(encoded_clip, name):
    codec, container, options = CLIPS[name]
    file = encoded_clip(codec, container, **options)
    stream_format, packets = packets_of(file)
    assert takes_packets(stream_format)
    shots = played(stream_format, packets)
    assert all(isinstance(shot.item, CompressedShot) for shot in shots)
    check_equal(shots, decoded(file))
    complete = [shot.item.compressed for shot in shots if shot.item.compressed.is_complete]
    assert len(complete) == COUNT - stream_format.reorder


def test_a_shot_comes_with_the_packet_that_completes_it(encoded_clip):
    stream_format, packets = packets_of(encoded_clip("libx264", "mp4", bf="2", g="20"))
    shots = PacketShots(stream_format)
    for count, packet in enumerate(packets):
        made = shots.add(*packet)
        assert len(made) == (count >= stream_format.reorder)
        assert all(shot.item.compressed.through == count for shot in made)


def test_nothing_before_the_first_keyframe(encoded_clip):
    file = encoded_clip("libx264", "mp4", bf="0", g="20")
    stream_format, packets = packets_of(file)
    shots = played(stream_format, packets[15:])
    check_equal([shot for shot in shots if shot.at_s >= 0], decoded(file)[20:])
    assert shots[0].item.compressed.number == 0


def test_without_times_pictures_with_b_frames_are_decoded_at_once(encoded_clip):
    file = encoded_clip("libx264", "mp4", bf="2", g="20")
    stream_format, packets = packets_of(file)
    shots = played(stream_format, [(data, is_keyframe, None, None) for data, is_keyframe, _, _ in packets])
    assert sum(isinstance(shot.item, CompressedShot) for shot in shots) <= 3
    for shot, (_, pixels) in zip(shots, decoded(file), strict=True):
        assert np.array_equal(np.asarray(shot.item.picture().image), pixels)


def test_times_of_arrival_take_the_place_of_those_of_the_stream(encoded_clip):
    stream_format, packets = packets_of(encoded_clip("libx264", "mp4", bf="0", g="20"))
    shots = PacketShots(stream_format)
    made = [shot for count, packet in enumerate(packets) for shot in shots.add(*packet, at_s=100.0 + count)]
    assert [shot.at_s for shot in made] == [100.0 + count for count in range(COUNT)]


def test_times_that_begin_anew_keep_their_order(encoded_clip):
    file = encoded_clip("libx264", "mp4", bf="2", g="20")
    stream_format, packets = packets_of(file)
    shots = played(stream_format, packets + packets)
    check_equal(shots, decoded(file) * 2)


def test_a_damaged_packet_fails_its_picture_alone(encoded_clip):
    stream_format, packets = packets_of(encoded_clip("libx264", "mp4", bf="0", g="8"))
    for damaged in (2, 37):
        data = [(b"\0\0\0\3xyz", *rest) if i == damaged else (data, *rest) for i, (data, *rest) in enumerate(packets)]
        shots = played(stream_format, data)
        assert len(shots) == COUNT
        with pytest.raises(PictureError):
            shots[damaged].item.picture()
        for shot in shots[40:]:
            shot.item.picture()


def test_each_picture_of_an_intra_stream_stands_alone(encoded_clip):
    pictures = [packet for packet, *_ in packets_of(encoded_clip("mjpeg", "matroska"))[1]]
    shots = PacketShots(StreamFormat("still", width=64, height=48))
    for count, packet in enumerate(pictures[:4]):
        (shot,) = shots.add(packet, is_keyframe=True, pts_s=count / 25)
        assert (shot.item.compressed.start, shot.item.compressed.through) == (count, count)
        assert shot.item.displayed == shot.item.picture().displayed == (64, 48)


def test_what_is_displayed_is_upright_with_square_pixels():
    stream_format = StreamFormat("h264", width=64, height=48, rotation=90, aspect=(2, 1))
    assert PacketShots(stream_format)._displayed == (24, 64)


def test_a_size_that_the_container_does_not_know_is_that_of_the_pictures(encoded_clip):
    stream_format, packets = packets_of(encoded_clip("libx264", "mp4", bf="2", g="20"))
    shots = played(replace(stream_format, width=0, height=0, aspect=(2, 1)), packets)
    assert {shot.item.displayed for shot in shots} == {(128, 48)}
    (jpeg, *_), *_ = packets_of(encoded_clip("mjpeg", "matroska"))[1]
    still = PacketShots(StreamFormat("still"))
    assert [shot.item.displayed for shot in still.add(jpeg, is_keyframe=True)] == [(64, 48)]
    assert [shot.item.displayed for shot in still.add(b"no picture", is_keyframe=True)] == [None]
