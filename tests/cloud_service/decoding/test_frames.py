"""Streams of packets to a real server with real decoder processes: answers are those of the frames decoded here."""

import asyncio
import contextlib
import io
import os
import signal
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from google.rpc.status_pb2 import Status
from PIL import Image
from torch import nn

import split_model
from cloud_service.decoding.frames import Decoded, decode_packets
from cloud_service.decoding.session import DecodedFrame
from pictures import Packet, PacketDecoder, Preprocess, StreamFormat, pixels_digest, prepared, versions
from split_wire import decode_tensor, encode_tensor, split_pb2
from split_wire.frames import read_stream_request
from split_wire.packets import PacketsToSend, WireFormat, packets_tensor

HEIGHT, WIDTH = 20, 24
CROP = "crop,bicubic"


class Twice(nn.Module):
    """Its output shows every pixel."""

    def forward(self, x):
        return x.float() * 2


@pytest.fixture(scope="module")
def twice():
    example = torch.zeros((1, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    return split_model.model_of(Twice().eval(), (example,), name="twice")


@pytest.fixture
def serving(serve):
    """`serve`, for models with any number of layers."""

    def measure(model, *, repeats):
        return split_model.Profile((0.001,) * len(model.graph.layers), 0.001)

    return partial(serve, measure=measure)


@pytest.fixture(scope="module")
def frames(coded_clip):
    """The frames of the clip as decoded here, by number."""
    decoder, found = PacketDecoder(coded_clip.format), {}
    for number, data in enumerate(coded_clip.packets):
        for shown, make in decoder.feed(Packet(number, data, is_keyframe=number in coded_clip.keyframes)):
            found[shown] = prepared(make(), Preprocess.parse(CROP), HEIGHT, WIDTH)
    return found


@pytest.fixture
def sent(coded_clip, twice):
    """Make a request: packets from one number to another, and the picture shown."""

    def make(first, last, shown, *, digest=b"", codec="h264", begins=None, data=None, layer=None, **fields):
        known = coded_clip.format
        wire = WireFormat(codec, CROP, known.extradata, known.width, known.height, reorder=known.reorder)
        chosen = coded_clip.packets[first : last + 1] if data is None else data
        begins = first in coded_clip.keyframes if begins is None else begins
        packets = PacketsToSend(wire if begins else None, first, chosen, shown, digest)
        tensor = packets_tensor(layer or twice.inputs[0].layer, fields.pop("shape", (1, 3, HEIGHT, WIDTH)), packets)
        request = split_pb2.RunTailRequest(
            **{"model": twice.name, "digest": twice.digest, "frame_id": shown, "tensors": [tensor.message()], **fields}
        )
        return split_pb2.StreamTailsRequest(request=request)

    return make


@contextlib.asynccontextmanager
async def opened(stub):
    """A stream: `ask` sends requests and returns their answers, in the order of the requests."""
    requests = asyncio.Queue()

    async def outgoing():
        while (request := await requests.get()) is not None:
            yield request

    call = stub.StreamTails(outgoing())

    async def ask(*wanted):
        for request in wanted:
            requests.put_nowait(request)
        found = []
        while len(found) < len(wanted):
            response = await call.read()
            if response.WhichOneof("event") in ("result", "error"):
                found.append(response)
        told = [getattr(response, response.WhichOneof("event")) for response in found]
        order = [request.request.frame_id for request in wanted]  # a refusal overtakes an answer that is computed
        return sorted(told, key=lambda answer: order.index(answer.frame_id))

    yield ask
    requests.put_nowait(None)
    await call.read()


@pytest.fixture
def reason(details):
    def of(answer):
        assert isinstance(answer, split_pb2.FrameError), answer
        info, _ = details(Status.FromString(answer.status))
        return info.reason

    return of


@pytest.fixture
def check(frames):
    """Check that an answer is the model's for the frame decoded here."""

    def checked(answer):
        assert isinstance(answer, split_pb2.RunTailResponse), Status.FromString(answer.status)
        np.testing.assert_array_equal(decode_tensor(answer.outputs[0]), frames[answer.frame_id] * 2.0)
        assert answer.timing.decode_s > 0
        assert 0 <= answer.timing.queue_s <= answer.timing.total_s - answer.timing.decode_s
        return answer.frame_id

    return checked


async def test_every_picture_of_a_stream_is_answered_as_decoded_here(serving, twice, coded_clip, frames, sent, check):
    """Eight at once, as an edge pipelines them; digests are checked; the second half begins another session."""
    requests, first = [], 0
    for shown, through in coded_clip.through.items():
        requests.append(
            sent(first, max(through, first - 1), shown, begins=not first, digest=pixels_digest(frames[shown]))
        )
        first = max(through + 1, first)
    async with serving(twice) as (server, stub), opened(stub) as ask:
        assert (await stub.GetProfile(split_pb2.GetProfileRequest(model="twice"))).pictures == versions()
        for place in range(0, len(requests), 8):
            answers = await ask(*requests[place : place + 8])
            assert {check(answer) for answer in answers} == {r.request.frame_id for r in requests[place : place + 8]}
        samples = server._metrics.registry.get_sample_value
        assert (samples("dads_decoders"), samples("dads_packets_decode_seconds_count")) == (1, len(requests))
        again = await ask(sent(12, 14, 12))
        assert check(again[0]) == 12


async def test_a_bad_request_costs_a_frame_and_a_lost_process_a_session(serving, twice, sent, check, reason, wait_for):
    text = [b"GET / HTTP/1.1\r\n"]
    async with serving(twice, max_decoders=1) as (server, stub), opened(stub) as ask, opened(stub) as ask_too:
        assert check((await ask(sent(0, 2, 0)))[0]) == 0
        assert reason((await ask_too(sent(0, 2, 0)))[0]) == "NO_DECODER"
        assert reason((await ask(sent(3, 2, 2)))[0]) == "PICTURE_PENDING"
        assert reason((await ask(sent(3, 3, 2, layer="none")))[0]) == "WRONG_TENSOR"
        assert reason((await ask(sent(3, 3, 2, shape=(1, 3, 8, 8))))[0]) == "WRONG_TENSOR"
        assert check((await ask(sent(3, 3, 2)))[0]) == 2, "the session went on"
        assert reason((await ask(sent(3, 3, 2)))[0]) == "PACKETS_GAP"
        assert reason((await ask(sent(0, 0, 0, data=text)))[0]) == "PICTURE_LOST"
        assert check((await ask(sent(0, 2, 0)))[0]) == 0
        (process,) = server._decoders._in_use
        os.kill(process._process.pid, signal.SIGKILL)
        assert reason((await ask(sent(3, 3, 2)))[0]) == "DECODER_LOST"
        assert reason((await ask(sent(4, 4, 3)))[0]) == "PACKETS_GAP"
        assert check((await ask_too(sent(0, 2, 0)))[0]) == 0, "the place is free again"
        assert reason((await ask_too(sent(3, 3, 3, codec="cinepak", begins=True)))[0]) == "NO_DECODER"
        await wait_for(lambda: server._decoders.in_use == 0)
    assert server._decoders._spare is None


async def test_what_waits_for_its_turn_is_the_frame_and_its_bytes_count(twice, frames, sent):
    class Session:
        async def frame(self, packets, height, width):
            return DecodedFrame(frames[packets.shown], 0.5)

    asked = read_stream_request(sent(0, 2, 0).SerializeToString()).request
    decoded = await decode_packets(twice, asked, Session())
    assert (decoded.seconds, decoded.request.size) == (0.5, asked.size + 3 * HEIGHT * WIDTH)
    np.testing.assert_array_equal(decode_tensor(decoded.request.tensors[0]), frames[0])
    plain = replace(asked, tensors=decoded.request.tensors)
    assert await decode_packets(twice, plain, Session()) == Decoded(plain, 0.0)


async def test_other_pixels_are_found(serving, twice, frames, sent, reason, check):
    async with serving(twice) as (_, stub), opened(stub) as ask:
        assert reason((await ask(sent(0, 2, 0, digest=pixels_digest(frames[1]))))[0]) == "PIXELS_DIFFER"
        assert reason((await ask(sent(3, 3, 2)))[0]) == "PACKETS_GAP"


async def test_packets_are_for_streams_and_one_input(serving, twice, sent, refusal, reason):
    async with serving(twice) as (_, stub):
        code, why, message, _ = await refusal(stub.RunTail(sent(0, 2, 0).request))
        assert (code, why) == ("INVALID_ARGUMENT", "BAD_TENSOR")
        assert "expected it in StreamTails" in message
        double = sent(0, 2, 0)
        double.request.tensors.append(double.request.tensors[0])
        broken = sent(0, 2, 0)
        broken.request.tensors[0].data = b"\x1e"
        async with opened(stub) as ask:
            assert reason((await ask(double))[0]) == "BAD_REQUEST"
            assert reason((await ask(broken))[0]) == "BAD_TENSOR"


async def test_a_server_that_takes_no_packets_says_so(serving, model, twice, sent, reason, details):
    async with serving(model, twice, packets=False) as (server, stub), opened(stub) as ask:
        for name in ("twice", model.name):
            assert (await stub.GetProfile(split_pb2.GetProfileRequest(model=name))).pictures == ""
        assert server._decoders._spare is None
        (answer,) = await ask(sent(0, 2, 0))
        assert reason(answer) == "NO_DECODER"
        assert details(Status.FromString(answer.status))[1] is None, "no time after which there is one"
    async with serving(model) as (server, stub):
        profile = await stub.GetProfile(split_pb2.GetProfileRequest(model=model.name))
        assert (profile.pictures, server._decoders._spare) == ("", None), "this model takes no pictures"


async def test_frames_and_packets_of_one_stream_go_together(serving, twice, frames, sent, check):
    raw = sent(0, 2, 1)
    raw.request.tensors[0].CopyFrom(encode_tensor(twice.inputs[0].layer, frames[1]).message())
    async with serving(twice) as (_, stub), opened(stub) as ask:
        answers = await ask(sent(0, 2, 0), raw, sent(3, 3, 2))
        assert {check(answer) for answer in answers} == {0, 1, 2}


async def test_stills_of_any_kind_are_packets_too(serving, twice, sent, reason):
    written = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (10, 20, 30)).save(written, "PNG")
    assert StreamFormat("still").is_intra
    async with serving(twice) as (_, stub), opened(stub) as ask:
        begun = sent(0, 0, 0, codec="still", data=[written.getvalue()])
        cut = sent(1, 1, 1, codec="still", begins=False, data=[written.getvalue()[:-40]])
        answer, lost = await ask(begun, cut)
        assert decode_tensor(answer.outputs[0])[0, :, 3, 3].tolist() == [20, 40, 60]
        assert reason(lost) == "PICTURE_LOST"
