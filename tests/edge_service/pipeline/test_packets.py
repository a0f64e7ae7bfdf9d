"""Frames as packets of their source, decoded in the cloud or, if it cannot, here: each has its one right result."""

import io
import logging
from collections import Counter

import av
import numpy as np
import pytest
import torch

import split_model
from edge_service import Agent, AgentConfig, CloudUnreachableError, Outcome, measure_wire_costs
from edge_service.cloud.seam import CloudProfile, FrameToSend, Refusal
from edge_service.control import PacketCosts
from edge_service.control.breaker import BreakerState
from edge_service.errors import CloudRefusedError, InputError
from edge_service.frame_image import FrameImage
from edge_service.sources.packet_shots import PacketShots
from edge_service.sources.shots import LostShot
from pictures import Packet, PacketDecoder, PictureError, Preprocess, StreamFormat, pixels_digest, prepared
from pictures.versions import versions
from split_model import Profile
from split_wire import Reason
from split_wire.packets import PacketsToSend

HEIGHT, WIDTH = 96, 128
PREPROCESS = Preprocess()


class Seeing(torch.nn.Module):
    """A small model of images, with some work before its one cut that is worth anything."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3))
        with torch.no_grad():
            for seed, weights in enumerate(self.parameters()):
                weights.copy_(torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed)))

    def forward(self, image):
        return self.layers(image.float() / 255)


@pytest.fixture(scope="module")
def seeing():
    return split_model.model_of(Seeing().eval(), (torch.zeros(1, 3, HEIGHT, WIDTH, dtype=torch.uint8),), name="it")


@pytest.fixture(scope="module")
def clip(encoded_clip):
    return encoded_clip(count=60, bf="2", g="12", preset="ultrafast")


def images_of(clip, every=3, damaged=None):
    """The clip's frames, as a source samples them."""
    with av.open(io.BytesIO(clip)) as container:
        stream = container.streams.video[0]
        shots = PacketShots(StreamFormat.of(stream))
        made = []
        for count, packet in enumerate(packet for packet in container.demux(stream) if packet.size):
            data = b"\0\0\0\1\7" if count == damaged else bytes(packet)
            made += shots.add(data, packet.is_keyframe, float(packet.pts), float(packet.dts))
        made += shots.end()
    return [FrameImage(shot.item, PREPROCESS, HEIGHT, WIDTH) for shot in made[::every]]


class Decoding:
    """What the cloud has of a stream's session."""

    def __init__(self):
        self.expected = None
        self.decoder = None
        self.pictures = {}

    def array(self, packets: PacketsToSend):
        """Why there is none, and the frame's pixels."""
        if packets.format is None and packets.first != self.expected:
            self.expected = None
            return Reason.PACKETS_GAP, None
        if packets.format is not None:
            known = packets.format
            self.decoder = PacketDecoder(
                StreamFormat(known.codec, known.extradata, known.width, known.height, reorder=known.reorder)
            )
            self.pictures = {}
        self.expected = packets.end
        for count, data in enumerate(packets.packets):
            self.pictures |= self.decoder.feed(Packet(packets.first + count, data, is_keyframe=False))
        if packets.shown not in self.pictures:
            return Reason.PICTURE_PENDING, None
        array = prepared(self.pictures[packets.shown](), PREPROCESS, HEIGHT, WIDTH)
        if packets.digest and packets.digest != pixels_digest(array):
            return Reason.PIXELS_DIFFER, None
        return None, array


@pytest.fixture
def cloud(seeing, manual_cloud):  # noqa: C901 # a cloud in one place
    """A cloud that answers at once, decodes packets, and refuses what the test wants it to refuse."""

    class PacketCloud(manual_cloud):
        def __init__(self):
            super().__init__(seeing)
            self.refuses = {}
            self.got = []
            self.probe_bps = 1e6
            self.takes = "PyAV of the cloud"
            self.sessions = {}

        async def profile(self, timeout_s):
            known = await super().profile(timeout_s)
            return CloudProfile(known.layer_s, 1.0, pictures=self.takes)

        def encode_packets(self, frame_id, layer, shape, packets, outputs, traceparent=""):
            assert (layer, tuple(shape)) == ("image", (1, 3, HEIGHT, WIDTH))
            size = sum(map(len, packets.packets))
            return FrameToSend(frame_id, (packets, tuple(outputs)), size, size, kind="packets")

        def open_tails(self):
            tails = super().open_tails()
            tails.send = lambda frame, timeout_s: self.take(tails, frame)
            return tails

        async def take(self, tails, frame):
            content, outputs = frame.message
            self.got.append((frame.frame_id, content if isinstance(content, PacketsToSend) else None))
            refusal = self.refuses.pop(frame.frame_id, None)
            if isinstance(refusal, Exception):
                raise refusal
            if isinstance(content, PacketsToSend):
                session = self.sessions.setdefault(tails, Decoding())
                reason, array = session.array(content)
                if refusal is not None and refusal != Reason.PICTURE_PENDING:
                    session.expected = None
                if refusal or reason:
                    wait_s = 0.0 if refusal == Reason.NO_DECODER else None
                    refused = CloudRefusedError("no", reason=str(refusal or reason), retry_after_s=wait_s)
                    tails.give(Refusal(frame.frame_id, refused))
                    return
                frame = FrameToSend(frame.frame_id, ({"image": array}, outputs), 0, 0)
            tails.answer(frame)

        def packets(self):
            return [(frame_id, packets) for frame_id, packets in self.got if packets is not None]

    return PacketCloud()


@pytest.fixture
def agent_of(seeing, cloud):
    """An agent that sends packets where it can: the link is slow, and the edge slower."""

    def made(*, costs=True, **settings):
        config = AgentConfig(**{"rate_hz": 20.0, "policy": "cloud_only", "max_waiting": 100, **settings})
        raw = measure_wire_costs(seeing, (seeing.example_inputs,), AgentConfig(encodings="raw"))
        layers = len(seeing.graph.layers)
        return Agent(
            seeing,
            cloud,
            config,
            edge_profile=Profile(layer_s=(1e-3,) * layers, whole_s=1e-3 * layers),
            wire_costs=raw,
            packet_costs=PacketCosts("image", 150.0, 1e-3) if costs else None,
        )

    return made


async def run(agent, images):
    """Submits images one after another, as a source does; the results."""
    return [await agent.submit(image) for image in images]


def check_right(seeing, images, results):
    for image, result in zip(images, results, strict=True):
        assert result.outcome.has_result, result.error
        assert np.allclose(result.outputs, seeing(image.array()), atol=1e-4), result.frame_id


async def test_frames_go_as_packets_and_only_those_compared_are_decoded_here(seeing, clip, cloud, agent_of):
    images = images_of(clip)
    async with agent_of() as agent:
        results = await run(agent, images)
        sent = agent.metrics.registry.get_sample_value("dads_bytes_sent_total", {"kind": "packets"})
    assert {result.partition.encoding for result in results} == {"packets"}
    assert {result.outcome for result in results} == {Outcome.OFFLOADED}
    compared = [True] * 3 + [False] * (len(images) - 3)
    assert [image.is_decoded for image in images] == compared
    assert [bool(packets.digest) for _, packets in cloud.packets()] == compared
    assert sent == sum(len(data) for _, packets in cloud.packets() for data in packets.packets)
    check_right(seeing, images, results)


async def test_the_last_pictures_go_decoded_because_no_packet_makes_a_decoder_give_them_out(
    seeing, clip, cloud, agent_of
):
    images = images_of(clip, every=1)[-4:]
    async with agent_of() as agent:
        results = await run(agent, images)
    assert [result.partition.encoding for result in results] == ["packets", "packets", "raw", "raw"]
    check_right(seeing, images, results)


async def test_without_costs_or_where_the_cloud_takes_none_frames_go_as_they_did(seeing, clip, cloud, agent_of):
    for settings in ({"costs": False}, {"packets": "off"}, {}):
        cloud.takes = "" if not settings else "PyAV"
        images = images_of(clip, every=12)
        async with agent_of(**settings) as agent:
            results = await run(agent, images)
        assert {result.partition.encoding for result in results} == {"raw"}
        check_right(seeing, images, results)
    assert cloud.packets() == []


async def test_frames_that_were_not_submitted_leave_no_gap(seeing, clip, cloud, agent_of):
    images = images_of(clip, every=1)
    images = [image for number, image in enumerate(images) if number % 7 in (0, 1, 5)]
    async with agent_of() as agent:
        results = await run(agent, images)
    assert Counter(result.outcome for result in results) == {Outcome.OFFLOADED: len(images)}
    check_right(seeing, images, results)


@pytest.mark.parametrize("reason", [Reason.PACKETS_GAP, Reason.PICTURE_LOST, Reason.DECODER_LOST, Reason.NO_DECODER])
async def test_a_refused_frame_is_finished_here_and_a_session_begins_anew(seeing, clip, cloud, agent_of, reason):
    images = images_of(clip)
    cloud.refuses[5] = reason
    async with agent_of() as agent:
        results = await run(agent, images)
        assert agent.state.breaker is BreakerState.CLOSED
    outcomes = [result.outcome for result in results]
    assert outcomes == [Outcome.OFFLOADED] * 5 + [Outcome.LOCAL_FALLBACK] + [Outcome.OFFLOADED] * (len(images) - 6)
    check_right(seeing, images, results)
    after = [packets for frame_id, packets in cloud.packets() if frame_id > 5]
    assert after[0].format is not None


async def test_a_decoder_that_is_later_than_thought_gets_a_packet_more(seeing, encoded_clip, cloud, agent_of):
    images = images_of(encoded_clip(bf="2", g="1000", preset="ultrafast"))
    cloud.refuses[5] = Reason.PICTURE_PENDING
    delay = images[0].compressed.history.delay
    async with agent_of() as agent:
        results = await run(agent, images)
    assert images[0].compressed.history.delay == delay + 1
    assert results[5].outcome is Outcome.LOCAL_FALLBACK
    ahead = {frame_id: packets.end - images[frame_id].compressed.through for frame_id, packets in cloud.packets()}
    assert (ahead[4], ahead[6]) == (1, 2)
    check_right(seeing, images, results)


async def test_a_cloud_with_other_pixels_gets_no_packets_any_more(seeing, clip, cloud, agent_of, caplog):
    images = images_of(clip)
    cloud.refuses[2] = Reason.PIXELS_DIFFER
    async with agent_of() as agent:
        results = await run(agent, images)
        assert agent.state.breaker is BreakerState.CLOSED
    assert [frame_id for frame_id, _ in cloud.packets()] == [0, 1, 2]
    (told,) = [record for record in caplog.records if "other pixels" in record.message]
    assert told.there == "PyAV of the cloud"
    assert told.here == versions()
    check_right(seeing, images, results)


async def test_after_a_lost_stream_a_session_begins_at_a_keyframe(seeing, clip, cloud, agent_of, wait_until):
    images = images_of(clip)
    cloud.refuses[4] = CloudUnreachableError("connection reset")
    async with agent_of() as agent:
        results = await run(agent, images[:5])
        cloud.streams[0].give(CloudUnreachableError("connection reset"))
        await wait_until(lambda: len(cloud.streams) > 1)
        cloud.probe_bps = 2e6
        await wait_until(lambda: agent.state.phase.value == "offloading")
        results += await run(agent, images[5:])
    assert results[4].outcome is Outcome.LOCAL_FALLBACK
    assert next(packets for frame_id, packets in cloud.packets() if frame_id > 4).format is not None
    assert Counter(result.outcome for result in results)[Outcome.OFFLOADED] >= 10
    check_right(seeing, images, results)


async def test_to_be_verified_every_frame_is_decoded_here_too(seeing, clip, cloud, agent_of):
    images = images_of(clip, every=6)
    async with agent_of(keep_inputs=True) as agent:
        results = await run(agent, images)
    assert len(cloud.packets()) == len(images)
    for image, result in zip(images, results, strict=True):
        assert np.array_equal(result.feeds[0], image.array())


async def test_a_picture_that_is_kept_to_be_drawn_is_decoded_by_the_head(clip, cloud, agent_of):
    images = images_of(clip, every=12)
    for image in images:
        image.keeps_picture = True
    async with agent_of() as agent:
        await run(agent, images)
    assert all(image.is_decoded for image in images)


async def test_a_picture_that_cannot_be_decoded_fails_its_frame_with_its_reason(seeing, clip, cloud, agent_of, caplog):
    lost = FrameImage(LostShot("bytes are missing", "camera-7.jpg"), PREPROCESS, HEIGHT, WIDTH)
    images = images_of(clip, every=12)
    caplog.set_level(logging.DEBUG, "edge_service")
    async with agent_of() as agent:
        results = await run(agent, [images[0], lost, images[1]])
    assert [result.outcome for result in results] == [Outcome.OFFLOADED, Outcome.FAILED, Outcome.OFFLOADED]
    assert results[1].error == "bytes are missing"
    assert [record.reason for record in caplog.records if "lost" in record.message] == ["bytes are missing"]
    assert not any(record.levelname in ("WARNING", "ERROR") for record in caplog.records), "the source tells"


async def test_a_damaged_packet_costs_the_pictures_that_refer_to_it(seeing, clip, cloud, agent_of):
    images = images_of(clip, damaged=24)
    damaged = []
    for number, image in enumerate(images):
        try:
            image.compressed.picture()
        except PictureError:
            damaged.append(number)
    assert damaged
    async with agent_of() as agent:
        results = await run(agent, images)
    assert [result.frame_id for result in results if result.outcome is Outcome.FAILED] == damaged
    good = [number for number in range(len(images)) if number not in damaged]
    check_right(seeing, [images[number] for number in good], [results[number] for number in good])


async def test_a_picture_of_another_size_is_refused_at_once(clip, agent_of):
    (image, *_) = images_of(clip, every=60)
    other = FrameImage(LostShot("never decoded"), PREPROCESS, HEIGHT, WIDTH + 1)
    async with agent_of() as agent:
        with pytest.raises(InputError, match=r"uint8 \[1, 3, 96, 129\], expected uint8 \[1, 3, 96, 128\]"):
            agent.put(other)
        await agent.submit(image)
