"""The gRPC methods, over a real connection."""

import asyncio
import contextlib
import logging

import grpc
import grpc.aio
import numpy as np
import pytest
from google.rpc.status_pb2 import Status

from cloud_service.load import pace
from split_wire import Encoding, decode_tensor, dtype_name, encode_tensor, split_pb2, split_pb2_grpc
from split_wire.frames import read_stream_request
from split_wire.limits import MAX_PROBE_BYTES, MAX_TENSORS

X = np.arange(6, dtype=np.uint8).reshape(1, 6)
TOTAL = np.float32(3 * X + 4)


async def first_tail_began(model):
    assert await asyncio.to_thread(model.started.acquire, timeout=20)


# One call


async def test_runs_the_whole_model_from_its_inputs(model, serve, ask):
    async with serve(model) as (_, stub):
        response = await stub.RunTail(ask(frame_id=7))
    assert response.frame_id == 7
    total, half = response.outputs
    assert (total.name, half.name, dtype_name(half)) == ("out", "parts.0", "bfloat16")
    np.testing.assert_array_equal(decode_tensor(total), TOTAL)
    np.testing.assert_array_equal(decode_tensor(half), np.float32(X / 2).view(np.uint32) >> 16)
    assert response.load_factor >= 1
    timing = response.timing
    assert 0 < timing.compute_s <= timing.total_s
    assert timing.queue_s + timing.decode_s + timing.compute_s + timing.encode_s <= timing.total_s


async def test_runs_from_a_tuple_to_the_wanted_output_only(model, serve, ask):
    pair = [encode_tensor("pair", np.float32(X + 1 + i), index=i).message() for i in (1, 0)]  # in any order
    async with serve(model) as (_, stub):
        response = await stub.RunTail(ask(tensors=pair, outputs=["out"]))
    (total,) = response.outputs
    np.testing.assert_array_equal(decode_tensor(total), TOTAL)


def tensor(array, name="x", **fields):
    message = encode_tensor(name, array).message()
    for field, value in fields.items():
        setattr(message, field, value)
    return message


REFUSED = {
    "short bytes": (
        {"tensors": [tensor(X, data=b"12345")]},
        ("INVALID_ARGUMENT", "BAD_TENSOR", "shape [1, 6] of uint8 needs 6 bytes of data, got 5"),
    ),
    "no encoding": (
        {"tensors": [tensor(X, encoding=0)]},
        ("INVALID_ARGUMENT", "BAD_TENSOR", "expected one of ENCODING_RAW"),
    ),
    "huge shape": (
        {"tensors": [split_pb2.Tensor(name="x", dtype=2, shape=[2**62, 4], encoding=1, data=b"1")]},
        ("INVALID_ARGUMENT", "BAD_TENSOR", "larger than a message"),
    ),
    "wrong dtype": (
        {"tensors": [tensor(X.astype(np.float32))]},
        ("INVALID_ARGUMENT", "WRONG_TENSOR", "expected uint8 of shape [1, 6], got float32 of shape [1, 6]"),
    ),
    "wrong shape": (
        {"tensors": [tensor(X.T)]},
        ("INVALID_ARGUMENT", "WRONG_TENSOR", "expected uint8 of shape [1, 6], got uint8 of shape [6, 1]"),
    ),
    "index past the tuple": (
        {"tensors": [tensor(np.float32(X), "pair", index=2)]},
        ("INVALID_ARGUMENT", "WRONG_TENSOR", "layer 'pair' has 2 tensors; index 2 is not one of them"),
    ),
    "bits of bfloat16 called float16": (
        {"tensors": [tensor(np.float16(X), "half")]},
        ("INVALID_ARGUMENT", "WRONG_TENSOR", "expected bfloat16 of shape [1, 6], got float16"),
    ),
    "unknown layer": (
        {"tensors": [tensor(X, "nowhere")]},
        ("INVALID_ARGUMENT", "UNKNOWN_LAYER", "no layer 'nowhere'; expected names that ListModels returns"),
    ),
    "sent twice": (
        {"tensors": [tensor(X), tensor(X)]},
        ("INVALID_ARGUMENT", "DUPLICATE_TENSOR", "expected each tensor once"),
    ),
    "nothing sent": (
        {"tensors": []},
        ("INVALID_ARGUMENT", "MISSING_TENSOR", "the wanted outputs need layer 'x'"),
    ),
    "half a tuple": (
        {"tensors": [tensor(np.float32(X), "pair")]},
        ("INVALID_ARGUMENT", "MISSING_TENSOR", "layer 'pair' is a tuple of 2 tensors; index 1 was not sent"),
    ),
    "too late a cut": (
        {"tensors": [tensor(np.float32(X), "total")], "outputs": ["parts.0"]},
        ("INVALID_ARGUMENT", "MISSING_TENSOR", "need layer 'x'"),
    ),
    "unknown output": (
        {"outputs": ["pair"]},
        ("INVALID_ARGUMENT", "UNKNOWN_OUTPUT", "'pair' is not an output; expected some of: out, parts.0"),
    ),
    "output twice": (
        {"outputs": ["out", "out"]},
        ("INVALID_ARGUMENT", "BAD_REQUEST", "expected each path once"),
    ),
    "too many tensors": (
        {"tensors": [tensor(X)] * (MAX_TENSORS + 1)},
        ("INVALID_ARGUMENT", "BAD_REQUEST", f"in one request; expected at most {MAX_TENSORS}"),
    ),
    "no digest": ({"digest": ""}, ("INVALID_ARGUMENT", "BAD_REQUEST", "expected the digest of the caller's model")),
    "wrong digest": ({"digest": "00"}, ("FAILED_PRECONDITION", "DIGEST_MISMATCH", "not '00'; expected the same graph")),
    "unknown model": (
        {"model": "none", "digest": "00"},
        ("NOT_FOUND", "UNKNOWN_MODEL", "'none' is not served; expected one of: fake"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_wrong_request_is_told_what_was_expected(model, serve, ask, refusal, case):
    fields, (code, reason, message) = REFUSED[case]
    async with serve(model) as (_, stub):
        got_code, got_reason, got_message, retry_s = await refusal(stub.RunTail(ask(**fields)))
        assert (got_code, got_reason, retry_s) == (code, reason, None)
        assert message in got_message
        assert (await stub.RunTail(ask())).outputs  # the server goes on
    assert len(model.ran) == 1


def malformed_call(channel, message):
    """RunTail with these bytes for a request."""
    return channel.unary_unary("/dads.v1.SplitInference/RunTail")(message)


async def test_bytes_that_are_no_message_are_a_bad_request(model, serve, ask, refusal):
    async with serve(model) as (server, stub):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            for message in (b"\x1e", ask().SerializeToString()[:-1], b"\x22\xff\xff\xff\xff\x0f"):
                code, reason, text, _ = await refusal(malformed_call(channel, message))
                assert (code, reason) == ("INVALID_ARGUMENT", "BAD_REQUEST")
                assert "the message cannot be read" in text
        assert (await stub.RunTail(ask())).outputs


@pytest.mark.parametrize("method", ["ListModels", "GetProfile"])
async def test_bytes_that_are_no_message_are_a_bad_request_of_every_method(model, serve, refusal, method):
    async with serve(model) as (server, _), grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.unary_unary(f"/dads.v1.SplitInference/{method}", None, None)(b"\xff")
        code, reason, message, _ = await refusal(call)
        assert (code, reason) == ("INVALID_ARGUMENT", "BAD_REQUEST")
        assert "cannot be read" in message


async def test_filler_that_is_no_message_is_a_bad_request(model, serve, refusal):
    """Found by make fuzz, as INTERNAL."""

    async def chunks():
        yield split_pb2.ProbeRequest(filler=bytes(10)).SerializeToString()
        yield b"\x0a\xff"

    async with serve(model) as (server, _), grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.stream_unary("/dads.v1.SplitInference/Probe", None, None)(chunks())
        code, reason, _, _ = await refusal(call)
        assert (code, reason) == ("INVALID_ARGUMENT", "BAD_REQUEST")


async def test_bytes_that_are_no_message_do_not_end_a_stream(model, serve, frame, answers, details):
    good = frame(7).SerializeToString()
    async with serve(model) as (server, _), grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.stream_stream(
            "/dads.v1.SplitInference/StreamTails",
            response_deserializer=split_pb2.StreamTailsResponse.FromString,
        )(iter([frame(5).SerializeToString() + b"\x1e", b"\x1e", good]))
        found = {(r.error.frame_id or r.result.frame_id): r for r in await answers(call)}
    assert found[7].WhichOneof("event") == "result"
    for frame_id in (5, 0):  # where nothing can be read, not even which frame it was
        info, _ = details(Status.FromString(found[frame_id].error.status))
        assert info.reason == "BAD_REQUEST"


async def test_a_tensor_is_taken_in_every_encoding(model, serve, ask):
    pair = [np.float32(X + 1 + i) for i in range(2)]
    async with serve(model) as (_, stub):
        for encoding in Encoding:
            sent = [encode_tensor("pair", array, index=i, encoding=encoding).message() for i, array in enumerate(pair)]
            (total,) = (await stub.RunTail(ask(tensors=sent, outputs=["out"]))).outputs
            assert total.encoding == split_pb2.ENCODING_RAW, "answers are raw"
            np.testing.assert_allclose(decode_tensor(total), TOTAL, atol=0.1)


async def test_insides_never_leak(model, serve, ask, refusal):
    model.failure = RuntimeError("the secret of /root/weights")
    async with serve(model) as (_, stub):
        with logged() as logs:
            code, reason, message, _ = await refusal(stub.RunTail(ask()))
    assert (code, reason) == ("INTERNAL", "INTERNAL")
    assert "secret" not in message
    assert [record.method for record in logs if record.msg == "call failed"] == ["RunTail"]


async def test_over_the_queue_a_call_is_refused_at_once(model, serve, ask, refusal, wait_for):
    model.gate.clear()
    async with serve(model, max_concurrency=1, max_queue=1) as (server, stub):
        running, queued = stub.RunTail(ask()), stub.RunTail(ask())
        await wait_for(lambda: server._admission.admitted == 2)
        code, reason, message, retry_s = await refusal(stub.RunTail(ask()))
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert "expected fewer than 2" in message
        assert retry_s > 0
        model.gate.set()
        assert (await running).outputs
        assert (await queued).outputs


async def test_bytes_held_are_limited_too(model, serve, ask, refusal, wait_for):
    model.gate.clear()
    async with serve(model, max_queue=100, max_queued_bytes=ask().ByteSize() * 2 - 1) as (server, stub):
        running = stub.RunTail(ask())
        await wait_for(lambda: server._admission.admitted == 1)
        _, reason, message, _ = await refusal(stub.RunTail(ask()))
        assert reason == "OVERLOADED"
        assert "bytes of requests are held" in message
        model.gate.set()
        assert (await running).outputs


@pytest.mark.parametrize("leave", ["deadline", "cancel"])
async def test_a_call_nobody_waits_for_any_more_is_not_computed(model, serve, ask, wait_for, leave):
    model.gate.clear()
    async with serve(model) as (server, stub):
        running = stub.RunTail(ask())
        await first_tail_began(model)
        queued = stub.RunTail(ask(), timeout=0.05 if leave == "deadline" else None)
        if leave == "cancel":
            await wait_for(lambda: server._admission.admitted == 2)
            queued.cancel()
        code = await queued.code()
        assert code is (grpc.StatusCode.DEADLINE_EXCEEDED if leave == "deadline" else grpc.StatusCode.CANCELLED)
        await wait_for(lambda: server._admission.admitted == 1)
        model.gate.set()
        assert (await running).outputs
    assert len(model.ran) == 1


async def test_a_cancelled_call_keeps_its_place_until_its_thread_is_free(model, serve, ask, refusal, wait_for):
    model.gate.clear()
    async with serve(model, max_queue=0) as (server, stub):
        running = stub.RunTail(ask())
        await first_tail_began(model)
        running.cancel()
        assert await running.code() is grpc.StatusCode.CANCELLED
        assert (await refusal(stub.RunTail(ask())))[1] == "OVERLOADED"
        model.gate.set()
        await wait_for(lambda: server._admission.admitted == 0)
        assert (await stub.RunTail(ask())).outputs


# Streams


async def test_stream_answers_every_frame_and_a_bad_one_does_not_end_it(model, serve, frame, answers, details):
    frames = [frame(1), frame(2, tensors=[tensor(X.astype(np.float32))]), frame(3)]
    async with serve(model) as (_, stub):
        found = await answers(stub.StreamTails(iter(frames)))
    results = {r.result.frame_id for r in found if r.WhichOneof("event") == "result"}
    (error,) = [r.error for r in found if r.WhichOneof("event") == "error"]
    assert results == {1, 3}
    assert error.frame_id == 2
    status = Status.FromString(error.status)
    info, retry = details(status)
    assert (status.code, info.domain, info.reason) == (3, "dads.v1", "WRONG_TENSOR")
    assert "expected uint8 of shape [1, 6], got float32" in status.message
    assert retry is None


async def test_answers_may_overtake_each_other(model, serve, frame, answers):
    model.gate.clear()
    async with serve(model, max_concurrency=2) as (_, stub):
        call = stub.StreamTails()
        await call.write(frame(1))
        await first_tail_began(model)
        await call.write(frame(2, tensors=[]))
        assert [r.error.frame_id for r in await answers(call, 1)] == [2]
        model.gate.set()
        assert [r.result.frame_id for r in await answers(call, 1)] == [1]
        await call.done_writing()
        assert await answers(call) == []
        assert await call.code() is grpc.StatusCode.OK


async def test_a_frame_that_expires_in_the_queue_is_answered_and_not_computed(model, serve, frame, answers, details):
    model.gate.clear()
    async with serve(model) as (_, stub):
        call = stub.StreamTails()
        await call.write(frame(1))
        await first_tail_began(model)
        await call.write(frame(2, timeout_s=0.02))
        (expired,) = await answers(call, 1)
        status = Status.FromString(expired.error.status)
        assert (expired.error.frame_id, status.code, details(status)[0].reason) == (2, 4, "EXPIRED")
        model.gate.set()
        assert [r.result.frame_id for r in await answers(call, 1)] == [1]
        await call.done_writing()
        assert await answers(call) == []
    assert len(model.ran) == 1


@pytest.mark.parametrize("timeout_s", [-1.0, float("nan"), float("inf")])
async def test_a_timeout_that_is_none_is_a_bad_request(model, serve, frame, answers, details, timeout_s):
    async with serve(model) as (_, stub):
        found = await answers(stub.StreamTails(iter([frame(1, timeout_s=timeout_s)])))
    status = Status.FromString(found[0].error.status)
    assert details(status)[0].reason == "BAD_REQUEST"
    assert "expected seconds, or 0 for no limit" in status.message


async def test_a_full_stream_is_not_read_further(model, serve, frame, answers, wait_for):
    model.gate.clear()
    async with serve(model, max_queue=100, max_frames_per_stream=3) as (server, stub):
        call = stub.StreamTails(frame(n) for n in range(20))
        await wait_for(lambda: server._admission.admitted == 3)
        for _ in range(50):
            await asyncio.sleep(0)
            assert server._admission.admitted == 3
        model.gate.set()
        assert {r.result.frame_id for r in await answers(call)} == set(range(20))


async def test_overload_on_a_stream_is_told_by_frame(model, serve, frame, answers, details):
    model.gate.clear()
    async with serve(model, max_queue=0) as (_, stub):
        call = stub.StreamTails()
        await call.write(frame(1))
        await first_tail_began(model)
        await call.write(frame(2))
        (refused,) = await answers(call, 1)
        info, retry = details(Status.FromString(refused.error.status))
        assert (refused.error.frame_id, info.reason, bool(retry)) == (2, "OVERLOADED", True)
        model.gate.set()
        assert [r.result.frame_id for r in await answers(call, 1)] == [1]


async def test_a_cancelled_stream_takes_its_queued_frames_along(model, serve, ask, frame, wait_for):
    model.gate.clear()
    async with serve(model) as (server, stub):
        call = stub.StreamTails(frame(n) for n in range(5))
        await first_tail_began(model)
        await wait_for(lambda: server._admission.admitted == 5)
        with logged() as logs:
            call.cancel()
            await wait_for(lambda: server._admission.admitted == 1)  # the one in its thread
            model.gate.set()
            assert (await stub.RunTail(ask())).outputs
        assert logs == []
    assert len(model.ran) == 2


async def test_a_caller_that_vanishes_is_no_failure_of_the_server(model, serve, ask, frame, wait_for):
    """Its connection breaks while answers are written."""
    async with serve(model) as (server, stub):
        with logged() as logs:
            for _ in range(3):
                async with (
                    breakable_relay(server.port) as (port, break_off),
                    grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
                ):
                    call = split_pb2_grpc.SplitInferenceStub(channel).StreamTails(frame(n) for n in range(10_000))
                    for _ in range(20):
                        await call.read()
                    break_off()
                    assert await call.code() is not grpc.StatusCode.OK
            await wait_for(lambda: server._admission.admitted == 0 and not server._service._streams)
        assert [record for record in logs if record.msg == "call failed"] == []
        assert (await stub.RunTail(ask())).outputs


async def test_an_answer_that_cannot_be_written_ends_the_stream_quietly(model, serve, frame):
    class Gone:
        """What gRPC hands out when the caller is gone and the cancellation has not come yet."""

        async def write(self, response):
            raise grpc.aio.UsageError("RPC already finished.")

        def peer(self):
            return "ipv4:127.0.0.1:1"

        def invocation_metadata(self):
            return ()

    async def requests():
        yield read_stream_request(frame(1).SerializeToString())
        await asyncio.Event().wait()  # no second request ever comes

    async with serve(model) as (server, _):
        with logged() as logs:
            await asyncio.wait_for(server._service.StreamTails(requests(), Gone()), timeout=20)
        assert [record.msg for record in logs] == ["stream broke off"]
        assert not server._service._streams


@contextlib.contextmanager
def logged():
    """The records of the server's logger while the context is open."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("cloud_service")
    level, logger.propagate = logger.level, False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = True


@contextlib.asynccontextmanager
async def breakable_relay(port):
    """A TCP relay to a port of this machine, and a function that resets its connections."""
    writers, tasks = [], set()

    async def pump(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def relay(reader, writer):
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.extend([writer, other_writer])
        tasks.update([asyncio.create_task(pump(reader, other_writer)), asyncio.create_task(pump(other_reader, writer))])

    def break_off():
        relaying.close()
        for writer in writers:
            writer.transport.abort()

    relaying = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield relaying.sockets[0].getsockname()[1], break_off
    finally:
        break_off()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_heartbeats_come_without_frames(model, serve):
    async with serve(model) as (_, stub):
        call = stub.StreamTails()
        for _ in range(3):
            assert (await call.read()).heartbeat.load_factor >= 1
        await call.done_writing()
        while (response := await call.read()) is not grpc.aio.EOF:
            assert response.WhichOneof("event") == "heartbeat"
        assert await call.code() is grpc.StatusCode.OK


async def test_a_caller_may_allow_longer_pauses_between_heartbeats(model, serve, frame, refusal, monkeypatch):
    monkeypatch.setattr(pace, "USUAL_BEATS", 1)
    async with serve(model, longest_beat_s=2) as (_, stub):
        idle = stub.StreamTails(metadata=[("dads-longest-beat-s", "30")])
        told = [(await idle.read()).heartbeat.next_s for _ in range(2)]
        assert told == [0.5, 1.0], "the first pause is the usual one"
        usual = stub.StreamTails()
        assert [(await usual.read()).heartbeat.next_s for _ in range(2)] == [0.5, 0.5]
        await usual.write(frame(1))  # of the same edge
        assert (await idle.read()).heartbeat.next_s == 0.5
        bad = stub.StreamTails(metadata=[("dads-longest-beat-s", "soon")])
        code, reason, message, _ = await refusal_of_stream(refusal, bad)
        assert (code, reason) == ("INVALID_ARGUMENT", "BAD_REQUEST")
        assert "dads-longest-beat-s is 'soon'; expected a number of seconds" in message
        for call in (idle, usual):
            call.cancel()


async def test_streams_are_limited(model, serve, refusal):
    async with serve(model, max_streams=1) as (_, stub):
        first = stub.StreamTails()
        assert (await first.read()).WhichOneof("event") == "heartbeat"
        second = stub.StreamTails()
        code, reason, message, retry_s = await refusal_of_stream(refusal, second)
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert "expected at most 1" in message
        assert retry_s > 0
        await first.done_writing()
        while await first.read() is not grpc.aio.EOF:
            pass
        third = stub.StreamTails()
        assert (await third.read()).WhichOneof("event") == "heartbeat"


async def refusal_of_stream(refusal, call):
    class Reading:
        """The call as the `refusal` fixture wants it: awaited, it reads."""

        def __await__(self):
            return call.read().__await__()

        def __getattr__(self, name):
            return getattr(call, name)

    return await refusal(Reading())


# What there is


async def test_models_are_listed(model, serve):
    async with serve(model) as (_, stub):
        (info,) = (await stub.ListModels(split_pb2.ListModelsRequest())).models
    assert (info.name, info.digest, info.torch_version) == (model.name, model.digest, model.torch_version)
    assert list(info.layers) == ["x", "pair", "total", "half"]
    assert [(s.path, s.layer, dtype_name(s), list(s.shape)) for s in info.inputs] == [("x", "x", "uint8", [1, 6])]
    assert [(s.path, s.layer, dtype_name(s), list(s.shape)) for s in info.outputs] == [
        ("out", "total", "float32", [1, 6]),
        ("parts.0", "half", "bfloat16", [1, 6]),
    ]


async def test_profiles_are_found_by_name_and_checked_by_digest(model, serve, refusal):
    async with serve(model) as (_, stub):
        found = await stub.GetProfile(split_pb2.GetProfileRequest(model="fake"))
        assert await stub.GetProfile(split_pb2.GetProfileRequest(model="fake", digest=model.digest)) == found
        wrong = await refusal(stub.GetProfile(split_pb2.GetProfileRequest(model="fake", digest="cd")))
        unknown = await refusal(stub.GetProfile(split_pb2.GetProfileRequest(model="other")))
    assert (found.model, found.digest, found.device, found.load_factor) == ("fake", model.digest, "cpu", 1.0)
    assert dict(zip(found.layers, found.layer_s, strict=True)) == {
        "x": 0.0,
        "pair": 0.001,
        "total": 0.002,
        "half": 0.004,
    }
    assert found.whole_s == 0.007
    assert {split_pb2.Encoding.Name(found.encoding): list(found.decode_s) for found in found.encodings} == {
        "ENCODING_RAW": [0.0, 0.1, 0.2, 0.3],
        "ENCODING_FLOAT16": [0.0, 1.0, 2.0, 3.0],
    }
    assert wrong[:2] == ("FAILED_PRECONDITION", "DIGEST_MISMATCH")
    assert unknown[:2] == ("NOT_FOUND", "UNKNOWN_MODEL")


# Probe


async def test_a_probe_counts_what_came_after_the_first_chunk(model, serve):
    chunks = [split_pb2.ProbeRequest(filler=bytes(1000))] * 9
    async with serve(model) as (_, stub):
        response = await stub.Probe(iter(chunks))
    assert (response.received_bytes, response.second_half_bytes) == (8000, 4000)
    assert 0 < response.second_half_s < response.received_s


async def test_a_probe_of_nothing_measures_nothing(model, serve):
    async with serve(model) as (_, stub):
        assert await stub.Probe(iter([])) == split_pb2.ProbeResponse()


async def test_a_probe_is_answered_when_enough_has_come(model, serve):
    chunk = split_pb2.ProbeRequest(filler=bytes(256 * 1024))

    async def endless():
        while True:
            yield chunk

    async with serve(model) as (_, stub):
        response = await stub.Probe(endless())
    assert response.received_bytes == MAX_PROBE_BYTES - len(chunk.filler)


async def test_a_probe_is_answered_when_it_takes_too_long(model, serve, monkeypatch):
    monkeypatch.setattr("cloud_service.service.MAX_PROBE_S", 0.1)
    async with serve(model) as (_, stub):
        call = stub.Probe()
        for _ in range(3):
            await call.write(split_pb2.ProbeRequest(filler=bytes(10)))
        assert (await call).received_bytes == 20  # although the caller never ends it


@pytest.mark.parametrize("size", [1, 5_000, 100_000, 10**9])
async def test_a_probe_of_the_downlink_sends_what_was_asked_for_up_to_the_limit(model, serve, size):
    async with serve(model) as (_, stub):
        chunks = [len(chunk.filler) async for chunk in stub.ProbeDown(split_pb2.ProbeDownRequest(bytes=size))]
    assert sum(chunks) == min(size, MAX_PROBE_BYTES)
    assert len(chunks) >= min(4, size)


async def test_a_probe_of_the_downlink_ends_when_nobody_reads_it(model, serve, monkeypatch, wait_for):
    monkeypatch.setattr("cloud_service.service.MAX_PROBE_S", 0.1)
    async with serve(model) as (server, stub):
        call = stub.ProbeDown(split_pb2.ProbeDownRequest(bytes=MAX_PROBE_BYTES))
        value, labels = server._metrics.registry.get_sample_value, {"method": "ProbeDown", "code": "OK"}
        await wait_for(lambda: value("dads_rpc_seconds_count", labels))
        received = sum([len(chunk.filler) async for chunk in call])
    assert 0 < received < MAX_PROBE_BYTES
