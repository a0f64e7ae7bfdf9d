"""What packets cost is measured on a source's first frames."""

import io

import av
import pytest

from edge_service.frame_image import FrameImage
from edge_service.packet_costs import measure_packet_costs
from edge_service.sources.packet_shots import PacketShots
from edge_service.sources.shots import LostShot
from pictures import Preprocess, StreamFormat


@pytest.fixture
def measured(encoded_clip):
    """Frames of a clip, of every `every`th picture; the bytes of its packets; and what they cost."""

    def made(codec="libx264", container="mp4", every=4, wanted_hz=6.25, lost=False, **options):
        with av.open(io.BytesIO(encoded_clip(codec, container, **options))) as opened:
            stream = opened.streams.video[0]
            shots, sizes, found = PacketShots(StreamFormat.of(stream)), [], []
            for packet in opened.demux(stream):
                if packet.size:
                    sizes.append(packet.size)
                    found += shots.add(bytes(packet), packet.is_keyframe, float(packet.pts), float(packet.dts))
        images = [FrameImage(shot.item, Preprocess(), 24, 32) for shot in found[: 6 * every : every]]
        if lost:
            images[2] = FrameImage(LostShot("damaged"), Preprocess(), 24, 32)
        return sizes, measure_packet_costs(images, "image", rate_hz=25 / every, wanted_hz=wanted_hz)

    return made


def test_bytes_are_those_from_frame_to_frame(measured):
    sizes, costs = measured(bf="0", g="8")
    assert costs.bytes_per_frame == pytest.approx(sum(sizes[1:21]) / 5, rel=0.5)
    assert 0 < costs.decode_s < 1
    assert costs.layer == "image"


def test_a_lower_rate_means_more_packets_for_each_frame(measured):
    _, often = measured(bf="0", g="48")
    _, rarely = measured(bf="0", g="48", wanted_hz=25 / 8)
    assert rarely.bytes_per_frame == pytest.approx(2 * often.bytes_per_frame)


def test_of_an_intra_stream_only_the_frames_own_packets_are_sent(measured):
    sizes, costs = measured("mjpeg", "matroska", wanted_hz=1.0)
    assert costs.bytes_per_frame == pytest.approx(sum(sizes[4:24:4]) / 5)


def test_without_packets_there_are_no_costs(measured):
    assert measured(bf="0", lost=True)[1] is None
    image = FrameImage(LostShot("damaged"), Preprocess(), 24, 32)
    assert measure_packet_costs([image, image], "image", rate_hz=1.0, wanted_hz=1.0) is None
