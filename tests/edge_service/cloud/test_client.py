"""The gRPC client against real servers: calls, streams, and gRPC's exceptions in our own words."""

import asyncio
import contextlib
import socket
import threading

import grpc
import grpc.aio
import numpy as np
import pytest
import torch
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from edge_service.cloud.client import GrpcCloud
from edge_service.cloud.seam import Answer, Beat, Refusal
from edge_service.control import Breaker
from edge_service.errors import CloudError, CloudRefusedError, CloudSilentError, CloudUnreachableError, WrongTwinError
from split_model import TensorSpec, arrays_of, value_of
from split_model.pytorch.tensors import array_of
from split_wire import Encoding, available, split_pb2, split_pb2_grpc
from split_wire.frames import TimedRequest, read_stream_request, write_timed_request
from split_wire.packets import PacketsToSend, WireFormat, read_packets

LIMIT_S = 20.0


@pytest.fixture
def client(two_by_two):
    """Make a client; fields of the model may be overridden."""

    @contextlib.asynccontextmanager
    async def connected(address, **fields):
        names = [layer.name for layer in two_by_two.graph.layers]
        cloud = GrpcCloud(address, **{"model": two_by_two.name, "digest": two_by_two.digest, "layers": names, **fields})
        try:
            yield cloud
        finally:
            await cloud.close()

    return connected


@pytest.fixture
async def served(serving, client, two_by_two):
    """A server of the two-by-two model, and a client of it."""
    async with serving(two_by_two) as server, client(f"127.0.0.1:{server.port}") as cloud:
        yield server, cloud


@contextlib.asynccontextmanager
async def answering(servicer):
    """A server of our own making, for what the real one never does."""
    server = grpc.aio.server()
    split_pb2_grpc.add_SplitInferenceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@contextlib.contextmanager
def nobody():
    """An address that is taken and where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@contextlib.contextmanager
def silence():
    """An address where connections are accepted by the kernel and nothing is ever said."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def frame_of(cloud, model, inputs, frame_id=7, edge=None):
    """A frame cut at the inputs, or behind `edge`."""
    edge = frozenset(value.layer for value in model.inputs) if edge is None else edge
    head, _ = model.split(edge)
    values = head.run(inputs)
    tensors = {
        layer: [(array, spec.dtype) for array, spec in zip(arrays_of(value), model.layer_specs[layer], strict=True)]
        for layer, value in values.items()
    }
    return cloud.encode(frame_id, tensors, model.remote_outputs(edge))


async def event_of(tails, kind):
    """The next event of a kind; heartbeats come between."""
    async with asyncio.timeout(LIMIT_S):
        async for event in tails.events():
            if isinstance(event, kind):
                return event
    raise AssertionError("the stream ended")


async def test_two_connections_of_one_edge_tell_the_cloud_the_same_name(serving, client, two_by_two):
    """So that a balancer that mixes edges on its connections does not mix them in the cloud."""
    async with serving(two_by_two) as server:
        address = f"127.0.0.1:{server.port}"
        async with client(address) as one, client(address) as other:
            for cloud in (one, other):
                await cloud.profile(LIMIT_S)
                await event_of(cloud.open_tails(), Beat)
            assert len(server._service._paces._frames) == 1


CALLS = {
    "profile": lambda cloud, timeout_s: cloud.profile(timeout_s),
    "ping": lambda cloud, timeout_s: cloud.ping(timeout_s),
    "probe": lambda cloud, timeout_s: cloud.probe(64_000, timeout_s),
    "probe_down": lambda cloud, timeout_s: cloud.probe_down(64_000, timeout_s),
}


async def test_the_profile_is_the_servers_in_graph_order(served, two_by_two):
    _, cloud = served
    profile = await cloud.profile(LIMIT_S)
    assert profile.layer_s == tuple(1e-6 if layer.inputs else 0.0 for layer in two_by_two.graph.layers)
    assert profile.load_factor >= 1.0
    assert profile.decode_s.keys() == set(filter(available, Encoding)) - {Encoding.PACKETS}
    assert all(len(decode_s) == len(two_by_two.graph) for decode_s in profile.decode_s.values())


async def test_encodings_that_this_edge_does_not_know_are_left_out(client):
    class Newer(split_pb2_grpc.SplitInferenceServicer):
        async def GetProfile(self, request, context):  # noqa: N802 - gRPC's name
            encodings = [split_pb2.EncodingProfile(encoding=n, decode_s=[n]) for n in (split_pb2.ENCODING_RAW, 1000)]
            return split_pb2.GetProfileResponse(layers=["x"], layer_s=[1.0], encodings=encodings)

    async with answering(Newer()) as address, client(address, layers=["x"]) as cloud:
        assert (await cloud.profile(LIMIT_S)).decode_s == {Encoding.RAW: (1.0,)}


@pytest.mark.parametrize("decode_s", [[], [1.0, 2.0], [-1.0], [float("nan")], [float("inf")]])
async def test_decoding_times_that_make_no_sense_are_refused(client, decode_s):
    class Confused(split_pb2_grpc.SplitInferenceServicer):
        async def GetProfile(self, request, context):  # noqa: N802 - gRPC's name
            encodings = [split_pb2.EncodingProfile(encoding=split_pb2.ENCODING_RAW, decode_s=decode_s)]
            return split_pb2.GetProfileResponse(layers=["x"], layer_s=[1.0], encodings=encodings)

    async with answering(Confused()) as address, client(address, layers=["x"]) as cloud:
        with pytest.raises(CloudRefusedError, match="makes no sense"):
            await cloud.profile(LIMIT_S)


async def test_a_ping_is_a_positive_time(served):
    _, cloud = served
    assert 0 < await cloud.ping(LIMIT_S) < LIMIT_S


@pytest.mark.parametrize("size", [2_000, 16_000, 256_000])
async def test_a_probe_reads_the_second_half_of_what_it_sent(served, size):
    _, cloud = served
    reading = await cloud.probe(size, LIMIT_S)
    assert size * 0.3 < reading.received_bytes < size * 0.7
    assert reading.received_s > 0


@pytest.mark.parametrize("size", [2_000, 16_000, 256_000])
async def test_a_probe_of_the_downlink_reads_the_second_half_of_what_came(served, size):
    _, cloud = served
    reading = await cloud.probe_down(size, LIMIT_S)
    assert size * 0.3 < reading.received_bytes < size * 0.7
    assert reading.received_s > 0


async def test_an_older_cloud_sends_no_filler(client):
    async with answering(split_pb2_grpc.SplitInferenceServicer()) as address, client(address) as cloud:
        assert await cloud.probe_down(64_000, LIMIT_S) is None


@pytest.mark.parametrize("size", [1, 4096, 4097, 10_000])
async def test_a_probe_sends_what_was_asked_for_rounded_up_to_a_chunk(client, size):
    class Counter(split_pb2_grpc.SplitInferenceServicer):
        async def Probe(self, request_iterator, context):  # noqa: N802 - gRPC's name
            received = sum([len(chunk.filler) async for chunk in request_iterator])
            return split_pb2.ProbeResponse(second_half_bytes=received, second_half_s=0.5, received_bytes=1)

    async with answering(Counter()) as address, client(address) as cloud:
        reading = await cloud.probe(size, LIMIT_S)
    assert size <= reading.received_bytes < size + 4096
    assert reading.received_s == 0.5, "the second half, not the whole"


async def test_another_digest_is_a_wrong_twin_in_a_call_and_on_a_stream(serving, client, two_by_two, random_inputs):
    async with serving(two_by_two) as server, client(f"127.0.0.1:{server.port}", digest="0" * 64) as cloud:
        with pytest.raises(WrongTwinError, match="digest"):
            await cloud.profile(LIMIT_S)
        tails = cloud.open_tails()
        await tails.send(frame_of(cloud, two_by_two, random_inputs(two_by_two)), LIMIT_S)
        refusal = await event_of(tails, Refusal)
        assert refusal.frame_id == 7
        assert isinstance(refusal.error, WrongTwinError)


async def test_other_layers_under_the_same_digest_are_a_wrong_twin(serving, client, two_by_two):
    names = [layer.name for layer in two_by_two.graph.layers]
    async with serving(two_by_two) as server, client(f"127.0.0.1:{server.port}", layers=names[::-1]) as cloud:
        with pytest.raises(WrongTwinError, match="same versions"):
            await cloud.profile(LIMIT_S)


async def test_a_model_that_is_not_served_is_refused_with_its_reason(serving, client, two_by_two):
    other = {"model": "zoo:nobody", "digest": "ab" * 32}
    async with serving(two_by_two) as server, client(f"127.0.0.1:{server.port}", **other) as cloud:
        with pytest.raises(CloudRefusedError, match="zoo:nobody") as caught:
            await cloud.profile(LIMIT_S)
    assert (caught.value.reason, caught.value.retry_after_s) == ("UNKNOWN_MODEL", None)


async def test_the_same_model_under_another_path_is_found(serving, client, two_by_two):
    async with serving(two_by_two) as server, client(f"127.0.0.1:{server.port}", model="file:/there/x.pt2") as cloud:
        assert len((await cloud.profile(LIMIT_S)).layer_s) == len(two_by_two.graph.layers)


class Busy:
    """A model whose tails wait until `free` is set."""

    def __init__(self, model):
        self._model = model
        self.free = threading.Event()

    def __getattr__(self, name):
        return getattr(self._model, name)

    def tail(self, feeds, outputs=()):
        made, free = self._model.tail(feeds, outputs), self.free

        class Waiting:
            def __getattr__(self, name):
                return getattr(made, name)

            def results(self, *arguments):
                assert free.wait(LIMIT_S)
                return made.results(*arguments)

        return Waiting()


async def test_an_overloaded_cloud_says_when_to_come_back(serving, client, two_by_two, random_inputs):
    busy = Busy(two_by_two)
    busy.free.set()  # for the warm-up
    async with serving(busy, max_queue=0, max_concurrency=1) as server, client(f"127.0.0.1:{server.port}") as cloud:
        busy.free.clear()
        tails = cloud.open_tails()
        for frame_id in range(2):
            await tails.send(frame_of(cloud, two_by_two, random_inputs(two_by_two), frame_id), LIMIT_S)
        refusal = await event_of(tails, Refusal)
        busy.free.set()
    assert isinstance(refusal.error, CloudRefusedError)
    assert refusal.error.reason == "OVERLOADED"
    assert refusal.error.retry_after_s > 0
    assert "OVERLOADED" in str(refusal.error)


@pytest.mark.parametrize("call", CALLS)
async def test_nobody_there_is_unreachable_and_not_merely_silent(client, call):
    with nobody() as address:
        async with client(address) as cloud:
            with pytest.raises(CloudUnreachableError, match=address) as caught:
                await CALLS[call](cloud, LIMIT_S)
    assert not isinstance(caught.value, CloudSilentError)
    assert isinstance(caught.value.__cause__, grpc.aio.AioRpcError)


@pytest.mark.parametrize("call", CALLS)
async def test_a_server_that_says_nothing_is_silent(client, call):
    with silence() as address:
        async with client(address) as cloud:
            with pytest.raises(CloudSilentError, match="DEADLINE_EXCEEDED"):
                await CALLS[call](cloud, 0.3)


async def test_a_method_the_server_lacks_is_refused_by_its_status_name(client):
    async with answering(split_pb2_grpc.SplitInferenceServicer()) as address, client(address) as cloud:
        with pytest.raises(CloudRefusedError) as caught:
            await cloud.profile(LIMIT_S)
    assert (caught.value.reason, caught.value.retry_after_s) == ("UNIMPLEMENTED", None)


@pytest.mark.parametrize("load_factor", [0.0, 0.25, 1.0, 3.0])
async def test_a_load_factor_is_at_least_one(client, two_by_two, load_factor):
    """An older server sends none, which reads as 0; taken at its word it would make every tail free."""
    names = [layer.name for layer in two_by_two.graph.layers]

    class Loaded(split_pb2_grpc.SplitInferenceServicer):
        async def GetProfile(self, request, context):  # noqa: N802 - gRPC's name
            times = [0.0] * len(names)
            return split_pb2.GetProfileResponse(layers=names, layer_s=times, load_factor=load_factor)

        async def StreamTails(self, request_iterator, context):  # noqa: N802 - gRPC's name
            yield split_pb2.StreamTailsResponse(heartbeat=split_pb2.Heartbeat(load_factor=load_factor))
            yield split_pb2.StreamTailsResponse(result=split_pb2.RunTailResponse(load_factor=load_factor))

    expected = max(1.0, load_factor)
    async with answering(Loaded()) as address, client(address) as cloud:
        assert (await cloud.profile(LIMIT_S)).load_factor == expected
        events = cloud.open_tails().events()
        assert (await anext(events)).load_factor == expected
        assert (await anext(events)).load_factor == expected
        with pytest.raises(CloudUnreachableError, match="ended the stream"):
            await anext(events)


async def test_a_stream_answers_every_cut_like_the_whole_model(served, two_by_two, random_inputs):
    _, cloud = served
    inputs = random_inputs(two_by_two)
    expected = two_by_two.flatten(two_by_two(*inputs))
    every = {layer.name for layer in two_by_two.graph.layers}
    first = {value.layer for value in two_by_two.inputs}
    parts = next(value.layer for value in two_by_two.outputs if value.path == "parts.0")
    closed = [frozenset(first), frozenset(every - {parts}), frozenset(every - {two_by_two.graph.layers[-1].name})]
    tails = cloud.open_tails()
    for frame_id, edge in enumerate(closed, start=2**40):
        frame = frame_of(cloud, two_by_two, inputs, frame_id, edge)
        await tails.send(frame, LIMIT_S)
        answer = await event_of(tails, Answer)
        assert answer.frame_id == frame_id
        assert set(answer.outputs) == set(two_by_two.remote_outputs(edge))
        assert 0 <= answer.queue_s <= answer.server_s
        assert 0 < answer.compute_s <= answer.server_s
        assert answer.size > sum(array.nbytes for array in answer.outputs.values())
        for path, array in answer.outputs.items():
            np.testing.assert_allclose(array, expected[path], rtol=1e-5, atol=1e-6)


async def test_many_frames_at_once_are_each_answered_once(served, two_by_two, random_inputs):
    _, cloud = served
    tails = cloud.open_tails()
    for frame_id in range(12):
        await tails.send(frame_of(cloud, two_by_two, random_inputs(two_by_two, frame_id), frame_id), LIMIT_S)
    answered = []
    async with asyncio.timeout(LIMIT_S):
        async for event in tails.events():
            if isinstance(event, Answer):
                answered.append(event.frame_id)
            if len(answered) == 12:
                break
    assert sorted(answered) == list(range(12))


async def test_heartbeats_come_without_frames(served):
    _, cloud = served
    assert (await event_of(cloud.open_tails(), Beat)).load_factor >= 1.0


async def test_a_stream_asks_for_rare_heartbeats_and_reads_what_is_promised(client):
    asked = {}

    class Promising(split_pb2_grpc.SplitInferenceServicer):
        async def StreamTails(self, requests, context):  # noqa: N802 - gRPC's name
            asked.update(context.invocation_metadata())
            beat = split_pb2.Heartbeat(load_factor=1.5, replica="r" * 1000, next_s=4.0)
            yield split_pb2.StreamTailsResponse(heartbeat=beat)

    async with answering(Promising()) as address, client(address, longest_beat_s=4.0) as cloud:
        other = await cloud.another()
        for calls in (cloud, other):
            asked.clear()
            beat = await event_of(calls.open_pulse(), Beat)
            assert asked["dads-longest-beat-s"] == "4"
            assert beat == Beat(1.5, "r" * 256, 4.0), "a name is kept, so it is bounded"
        await other.close()


def test_the_size_of_a_frame_is_that_of_its_message(two_by_two):
    cloud = GrpcCloud("127.0.0.1:1", model="m", digest="d", layers=())
    array = np.arange(1000, dtype=np.float32)
    frame = cloud.encode(3, {"a": [(array, "float32")], "b": [(array, "float32"), (array, "float32")]}, ("out",))
    assert frame.frame_id == 3
    message = b"".join(frame.message.parts)
    assert frame.size == len(message) > 3 * array.nbytes
    request = split_pb2.StreamTailsRequest.FromString(message).request
    assert (request.model, request.digest, request.frame_id) == ("m", "d", 3)
    assert [(tensor.name, tensor.index) for tensor in request.tensors] == [("a", 0), ("b", 0), ("b", 1)]
    assert list(request.outputs) == ["out"]


def test_layers_are_sent_in_their_encodings_and_raw_where_none_is_named_or_none_applies():
    cloud = GrpcCloud("127.0.0.1:1", model="m", digest="d", layers=())
    floats, numbers = np.arange(1000, dtype=np.float32), np.arange(1000)
    tensors = {"a": [(floats, "float32")], "b": [(floats, "float32"), (numbers, "int64")], "c": [(floats, "float32")]}
    frame = cloud.encode(3, tensors, (), {"a": Encoding.ZSTD, "b": Encoding.FLOAT16, "elsewhere": Encoding.INT8})
    request = split_pb2.StreamTailsRequest.FromString(b"".join(frame.message.parts)).request
    assert [split_pb2.Encoding.Name(tensor.encoding) for tensor in request.tensors] == [
        "ENCODING_ZSTD",
        "ENCODING_FLOAT16",
        "ENCODING_RAW",
        "ENCODING_RAW",
    ]


def test_bfloat16_is_marked_as_such():
    cloud = GrpcCloud("127.0.0.1:1", model="m", digest="d", layers=())
    (array,) = arrays_of(array_of(torch.tensor([1.5, -2.0], dtype=torch.bfloat16)))
    message = b"".join(cloud.encode(0, {"a": [(array, "bfloat16")]}, ()).message.parts)
    (tensor,) = split_pb2.StreamTailsRequest.FromString(message).request.tensors
    assert tensor.dtype == split_pb2.DATA_TYPE_BFLOAT16
    back = value_of((array,), (TensorSpec("bfloat16", (2,)),))
    assert back.tolist() == [0x3FC0, 0xC000]


@contextlib.asynccontextmanager
async def saying(*messages):
    """A server that answers a stream with these bytes."""

    async def stream_tails(requests, context):
        for message in messages:
            yield message

    handler = grpc.stream_stream_rpc_method_handler(stream_tails)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("dads.v1.SplitInference", {"StreamTails": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def result_of(tensor):
    answer = split_pb2.RunTailResponse(frame_id=5, outputs=[tensor])
    return split_pb2.StreamTailsResponse(result=answer).SerializeToString()


@pytest.mark.parametrize(
    "message",
    [
        result_of(split_pb2.Tensor(name="out", dtype=9, shape=[9], encoding=1, data=b"x")),
        result_of(split_pb2.Tensor()) + b"\x1e",
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_refusal_of_its_frame(client, message):
    beat = split_pb2.StreamTailsResponse(heartbeat=split_pb2.Heartbeat(load_factor=2.0)).SerializeToString()
    async with saying(message, b"", beat) as address, client(address) as cloud:
        tails = cloud.open_tails()
        refusal = await event_of(tails, Refusal)
        assert (refusal.frame_id, refusal.error.reason) == (5, "BAD_ANSWER")
        assert (await event_of(tails, Beat)).load_factor == 2.0, "the stream goes on"


async def test_an_answer_to_nobody_knows_what_ends_the_stream(client):
    async with saying(b"\x1e") as address, client(address) as cloud:
        with pytest.raises(CloudRefusedError, match="cannot be read"):
            await event_of(cloud.open_tails(), Beat)


class Deaf(split_pb2_grpc.SplitInferenceServicer):
    """Opens streams and never reads them, so that a large write stays pending."""

    async def StreamTails(self, request_iterator, context):  # noqa: N802 - gRPC's name
        await asyncio.Event().wait()
        yield split_pb2.StreamTailsResponse()


def large_frame(cloud):
    return cloud.encode(0, {"a": [(np.zeros(32 * 1024 * 1024, dtype=np.uint8), "uint8")]}, ())


async def pending_write(cloud, tails):
    """A task that hangs in a write: the transport's windows are full."""
    frame = large_frame(cloud)

    async def write():
        while True:
            await tails.send(frame, LIMIT_S)

    task = asyncio.ensure_future(write())
    _, pending = await asyncio.wait({task}, timeout=0.3)
    assert pending
    return task


async def test_cancelling_the_stream_is_no_cancellation_of_who_writes_to_it(client):
    async with answering(Deaf()) as address, client(address) as cloud:
        tails = cloud.open_tails()
        writing = await pending_write(cloud, tails)
        tails.cancel()
        with pytest.raises(CloudUnreachableError):
            await asyncio.wait_for(writing, LIMIT_S)
        assert not writing.cancelled()
        with pytest.raises(CloudUnreachableError):
            await tails.send(large_frame(cloud), LIMIT_S)


async def test_cancelling_the_stream_is_no_cancellation_of_who_reads_it(client):
    async with answering(Deaf()) as address, client(address) as cloud:
        tails = cloud.open_tails()
        reading = asyncio.ensure_future(anext(tails.events()))
        await asyncio.wait({reading}, timeout=0.1)
        tails.cancel()
        with pytest.raises(CloudUnreachableError):
            await asyncio.wait_for(reading, LIMIT_S)


async def test_cancelling_the_task_stays_a_cancellation(client):
    async with answering(Deaf()) as address, client(address) as cloud:
        tails = cloud.open_tails()
        writing = await pending_write(cloud, tails)
        reading = asyncio.ensure_future(anext(tails.events()))
        await asyncio.wait({reading}, timeout=0.1)
        for task in (writing, reading):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert task.cancelled()


async def test_cancelling_task_and_stream_together_is_a_cancellation(client):
    async with answering(Deaf()) as address, client(address) as cloud:
        tails = cloud.open_tails()
        writing = await pending_write(cloud, tails)
        tails.cancel()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing


async def test_a_server_that_goes_says_so_and_breaks_the_stream(serving, client, two_by_two):
    async with serving(two_by_two) as server, client(f"127.0.0.1:{server.port}") as cloud:
        tails = cloud.open_tails()
        await event_of(tails, Beat)
        await server.stop(0)
        with pytest.raises(CloudError) as caught:
            await event_of(tails, Answer)
    assert isinstance(caught.value, CloudUnreachableError) or caught.value.reason == "DRAINING"


class Resetting(split_pb2_grpc.SplitInferenceServicer):
    """Ends calls as a proxy does whose server is lost; a status set by the server needs no proxy to be seen."""

    def __init__(self, code, text):
        self.code, self.text = code, text

    async def GetProfile(self, request, context):  # noqa: N802 # gRPC's name
        await context.abort(self.code, self.text)

    async def StreamTails(self, requests, context):  # noqa: N802 # gRPC's name
        yield split_pb2.StreamTailsResponse(heartbeat=split_pb2.Heartbeat(load_factor=1.0))
        await context.abort(self.code, self.text)


@pytest.mark.parametrize(
    ("code", "text", "lost"),
    [
        (grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2", True),
        (grpc.StatusCode.INTERNAL, "The actor died unexpectedly before finishing this task.", True),
        (grpc.StatusCode.CANCELLED, "Received RST_STREAM with error code 8", True),
        (grpc.StatusCode.INTERNAL, "something else", False),
    ],
)
async def test_a_reset_by_a_proxy_is_a_lost_server_and_no_refusal(client, code, text, lost):
    expected = CloudUnreachableError if lost else CloudRefusedError
    async with answering(Resetting(code, text)) as address, client(address) as cloud:
        with pytest.raises(expected):
            await cloud.profile(LIMIT_S)
        events = cloud.open_tails().events()
        assert isinstance(await anext(events), Beat)
        with pytest.raises(expected):
            await anext(events)


async def test_a_frame_to_a_stream_that_is_over_is_unreachable(client, two_by_two, random_inputs):
    class Short(split_pb2_grpc.SplitInferenceServicer):
        async def StreamTails(self, request_iterator, context):  # noqa: N802 - gRPC's name
            return
            yield

    async with answering(Short()) as address, client(address) as cloud:
        tails = cloud.open_tails()
        with pytest.raises(CloudUnreachableError):
            await anext(tails.events())
        with pytest.raises(CloudUnreachableError):
            await tails.send(frame_of(cloud, two_by_two, random_inputs(two_by_two)), LIMIT_S)


async def test_a_closed_client_can_be_closed_again_and_connects_anew(served):
    _, cloud = served
    await cloud.ping(LIMIT_S)
    await cloud.close()
    await cloud.close()
    assert await cloud.ping(LIMIT_S) > 0


async def test_a_restarted_server_is_found_again_by_the_same_client(serving, client, two_by_two):
    async with serving(two_by_two) as first:
        address = f"127.0.0.1:{first.port}"
        async with client(address) as cloud:
            await cloud.ping(LIMIT_S)
            await first.stop(0)
            with pytest.raises(CloudUnreachableError):
                await cloud.ping(LIMIT_S)
            async with serving(two_by_two, listen=address), asyncio.timeout(LIMIT_S):
                while True:
                    with contextlib.suppress(CloudUnreachableError):
                        assert await cloud.ping(LIMIT_S) > 0
                        break


# Statuses that make no sense


class Refusing(split_pb2_grpc.SplitInferenceServicer):
    """Refuses with whatever bytes as the details."""

    def __init__(self, details):
        self.details = details

    async def GetProfile(self, request, context):  # noqa: N802 # gRPC's name
        trailers = (("grpc-status-details-bin", self.details),)
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no", trailers)

    async def StreamTails(self, requests, context):  # noqa: N802 # gRPC's name
        yield split_pb2.StreamTailsResponse(error=split_pb2.FrameError(frame_id=3, status=self.details))


def status(code, *details):
    made = Status(code=code, message="no")
    for detail in details:
        made.details.add().Pack(detail)
    return made.SerializeToString()


def broken_detail():
    made = Status(code=8, message="no")
    made.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff\xff")
    return made.SerializeToString()


AGES = RetryInfo()
AGES.retry_delay.seconds = 10**15

STATUSES = {
    "no status": b"\xff\xff\xff",
    "another code": status(5),
    "a detail that cannot be read": broken_detail(),
    "a wait of ages": status(8, AGES),
}


@pytest.mark.parametrize("details", STATUSES.values(), ids=STATUSES.keys())
async def test_a_status_that_makes_no_sense_is_a_refusal_and_no_defect(client, details):
    async with answering(Refusing(details)) as address, client(address) as cloud:
        with pytest.raises(CloudRefusedError):
            await cloud.profile(LIMIT_S)
        refusal = await event_of(cloud.open_tails(), Refusal)
        assert refusal.frame_id == 3
        assert isinstance(refusal.error, CloudRefusedError)
        held = Breaker()
        held.hold(0.0, refusal.error.retry_after_s or 1.0)
        assert held.retry_at_s <= 60.0, "whatever was asked for"


async def test_packets_are_written_as_a_cloud_reads_them(client):
    sent = PacketsToSend(WireFormat("h264", "crop,bilinear", b"sets", reorder=2), 3, (b"one", b"two"), 4, b"d" * 16)
    async with client("127.0.0.1:1") as cloud:
        frame = cloud.encode_packets(7, "image", (1, 3, 24, 32), sent, ["label"])
    assert (frame.frame_id, frame.kind) == (7, "packets")
    read = read_stream_request(write_timed_request(TimedRequest(frame.message, 1.5)))
    (tensor,) = read.request.tensors
    assert (tensor.name, read.request.outputs, read.timeout_s) == ("image", ("label",), 1.5)
    assert tensor.size == frame.tensor_bytes < frame.size
    got = read_packets(tensor)
    assert (got.format, got.first, got.shown, got.digest) == (sent.format, sent.first, sent.shown, sent.digest)
    assert [bytes(packet) for packet in got.packets] == [b"one", b"two"]
