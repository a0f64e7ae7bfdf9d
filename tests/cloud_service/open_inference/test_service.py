"""GRPCInferenceService over a real connection: numbers, metadata, and every refusal."""

import asyncio
import random

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from cloud_service.open_inference import open_inference_pb2 as wire

X = np.arange(6, dtype=np.uint8).reshape(1, 6)
TOTAL = np.float32(3 * X + 4)
HALF = np.uint16(np.float32(X / 2).view(np.uint32) >> 16)
SERVICE = "inference.GRPCInferenceService"


def call(server, method, request, channel, **options):
    """Any method, with its answer's class; a request may be plain bytes."""
    answer = getattr(wire, f"{method}Response")
    data = request if isinstance(request, bytes) else request.SerializeToString()
    return channel.unary_unary(f"/{SERVICE}/{method}", response_deserializer=answer.FromString)(data, **options)


def of_x(**fields):
    return wire.ModelInferRequest.InferInputTensor(**{"name": "x", "datatype": "UINT8", "shape": [1, 6], **fields})


def infer(**fields):
    plain = {"model_name": "fake", "inputs": [of_x()], "raw_input_contents": [X.tobytes()]}
    return wire.ModelInferRequest(**{**plain, **fields})


def arrays(answer):
    kinds = {"FP32": "<f4", "BF16": "<u2"}
    return {
        output.name: np.frombuffer(raw, kinds[output.datatype]).reshape(output.shape)
        for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
    }


@pytest.fixture
async def connected(model, serve):
    async with serve(model) as (server, _), grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield lambda method, request, **options: call(server, method, request, channel, **options)


async def test_runs_the_whole_model_and_answers_raw(model, connected):
    answer = await connected("ModelInfer", infer(id="7", model_version="ab" * 6))
    assert (answer.model_name, answer.model_version, answer.id) == ("fake", "ab" * 6, "7")
    assert [output.datatype for output in answer.outputs] == ["FP32", "BF16"]
    got = arrays(answer)
    np.testing.assert_array_equal(got["out"], TOTAL)
    np.testing.assert_array_equal(got["parts.0"], HALF)


async def test_runs_to_the_wanted_output_only(connected):
    wanted = [wire.ModelInferRequest.InferRequestedOutputTensor(name="parts.0")]
    got = arrays(await connected("ModelInfer", infer(outputs=wanted)))
    assert list(got) == ["parts.0"]


async def test_tells_what_it_serves(connected):
    assert (await connected("ServerLive", wire.ServerLiveRequest())).live
    assert (await connected("ServerReady", wire.ServerReadyRequest())).ready
    assert (await connected("ModelReady", wire.ModelReadyRequest(name="fake"))).ready
    about = await connected("ServerMetadata", wire.ServerMetadataRequest())
    assert about.name == "dads"
    assert about.version
    told = await connected("ModelMetadata", wire.ModelMetadataRequest(name="fake"))
    assert (told.name, list(told.versions), told.platform) == ("fake", ["ab" * 6], "dads_fake")
    shown = [(spec.name, spec.datatype, list(spec.shape)) for spec in (*told.inputs, *told.outputs)]
    assert shown == [("x", "UINT8", [1, 6]), ("out", "FP32", [1, 6]), ("parts.0", "BF16", [1, 6])]


EXPECTED = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
PARAMETERS = {"classification": wire.InferParameter()}
REFUSED = {
    "unknown model": ({"model_name": "none"}, "NOT_FOUND", "UNKNOWN_MODEL", "'none' is not served"),
    "wrong version": ({"model_version": "1"}, "NOT_FOUND", "UNKNOWN_MODEL", "expected 'abababababab'"),
    "wrong datatype": (
        {"inputs": [of_x(datatype="FP32")]},
        "INVALID_ARGUMENT",
        "WRONG_TENSOR",
        "expected UINT8 of shape [1, 6], got 'FP32' of shape [1, 6]",
    ),
    "strings": ({"inputs": [of_x(datatype="BYTES")]}, "INVALID_ARGUMENT", "WRONG_TENSOR", "expected UINT8"),
    "huge shape": (
        {"inputs": [of_x(shape=[2**62, 2**62])]},
        "INVALID_ARGUMENT",
        "WRONG_TENSOR",
        "expected UINT8 of shape [1, 6]",
    ),
    "negative shape": ({"inputs": [of_x(shape=[-1, -6])]}, "INVALID_ARGUMENT", "WRONG_TENSOR", "got 'UINT8'"),
    "short contents": ({"raw_input_contents": [b"123"]}, "INVALID_ARGUMENT", "BAD_TENSOR", "needs 6 bytes"),
    "no contents": ({"raw_input_contents": []}, "INVALID_ARGUMENT", "BAD_REQUEST", "expected one for each input"),
    "typed contents": (
        {"inputs": [of_x(contents=wire.InferTensorContents())]},
        "INVALID_ARGUMENT",
        "BAD_REQUEST",
        "expected its bytes in raw_input_contents",
    ),
    "unknown input": ({"inputs": [of_x(name="y")]}, "INVALID_ARGUMENT", "UNKNOWN_LAYER", "expected some of: x"),
    "inner layer": ({"inputs": [of_x(name="total")]}, "INVALID_ARGUMENT", "UNKNOWN_LAYER", "no input 'total'"),
    "sent twice": (
        {"inputs": [of_x(), of_x()], "raw_input_contents": [X.tobytes()] * 2},
        "INVALID_ARGUMENT",
        "DUPLICATE_TENSOR",
        "each input once",
    ),
    "nothing sent": (
        {"inputs": [], "raw_input_contents": []},
        "INVALID_ARGUMENT",
        "MISSING_TENSOR",
        "input 'x' was not sent",
    ),
    "parameters": ({"parameters": PARAMETERS}, "INVALID_ARGUMENT", "BAD_REQUEST", "'classification' is not served"),
    "parameters of an input": (
        {"inputs": [of_x(parameters=PARAMETERS)]},
        "INVALID_ARGUMENT",
        "BAD_REQUEST",
        "expected no parameters",
    ),
    "unknown output": (
        {"outputs": [wire.ModelInferRequest.InferRequestedOutputTensor(name="pair")]},
        "INVALID_ARGUMENT",
        "UNKNOWN_OUTPUT",
        "expected some of: out, parts.0",
    ),
    "long id": ({"id": "i" * 257}, "INVALID_ARGUMENT", "BAD_REQUEST", "expected at most 256 bytes"),
    "too many inputs": ({"inputs": [of_x()] * 257}, "INVALID_ARGUMENT", "BAD_REQUEST", "expected at most 256"),
}


async def test_a_wrong_request_is_told_what_was_expected(model, connected, refusal):
    for case, (fields, *expected) in REFUSED.items():
        code, reason, message, retry_s = await refusal(connected("ModelInfer", infer(**fields)))
        assert [code, reason, retry_s] == [*expected[:2], None], case
        assert expected[2] in message, case
    assert not model.ran
    np.testing.assert_array_equal(arrays(await connected("ModelInfer", infer()))["out"], TOTAL)


async def test_models_that_are_not_served_are_not_found(connected, refusal):
    for method in ("ModelReady", "ModelMetadata"):
        request = getattr(wire, f"{method}Request")
        for fields in ({"name": "none"}, {"name": "fake", "version": "1"}):
            assert (await refusal(connected(method, request(**fields))))[:2] == ("NOT_FOUND", "UNKNOWN_MODEL")


async def test_garbage_is_invalid_and_the_server_goes_on(model, connected, refusal):
    chance = random.Random(23)
    whole = infer().SerializeToString()
    for _ in range(100):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        cut = bytes(broken[: chance.randint(1, len(broken))])
        running = connected("ModelInfer", cut)
        assert await running.code() in EXPECTED, cut
    code, reason, message, _ = await refusal(connected("ModelInfer", b"\xff"))
    assert (code, reason) == ("INVALID_ARGUMENT", "BAD_REQUEST")
    assert "cannot be read" in message
    np.testing.assert_array_equal(arrays(await connected("ModelInfer", infer()))["out"], TOTAL)


async def test_a_full_queue_refuses_with_a_time_to_retry(model, serve, refusal, wait_for):
    model.gate.clear()
    async with (
        serve(model, max_queue=0) as (server, _),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        running = call(server, "ModelInfer", infer(), channel)
        await wait_for(lambda: server._admission.admitted == 1)
        code, reason, _, retry_s = await refusal(call(server, "ModelInfer", infer(), channel))
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert retry_s > 0
        model.gate.set()
        np.testing.assert_array_equal(arrays(await running)["out"], TOTAL)
        metrics = server._metrics.registry
        labels = {"method": "ModelInfer", "code": "RESOURCE_EXHAUSTED"}
        assert metrics.get_sample_value("dads_rpc_seconds_count", labels) == 1
        assert metrics.get_sample_value("dads_stage_seconds_count", {"stage": "tail"}) == 1


async def test_a_server_that_drains_is_live_and_not_ready(model, serve, refusal):
    async with serve(model) as (server, _), grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        server._admission.drain()
        assert (await call(server, "ServerLive", wire.ServerLiveRequest(), channel)).live
        assert not (await call(server, "ServerReady", wire.ServerReadyRequest(), channel)).ready
        assert not (await call(server, "ModelReady", wire.ModelReadyRequest(name="fake"), channel)).ready
        assert (await refusal(call(server, "ModelInfer", infer(), channel)))[:2] == ("UNAVAILABLE", "DRAINING")


async def test_an_answer_too_large_for_a_message_is_refused(model, serve, refusal):
    async with (
        serve(model, max_message_bytes=220) as (server, _),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        code, reason, *_ = await refusal(call(server, "ModelInfer", infer(id="i" * 160), channel))
        assert (code, reason) == ("OUT_OF_RANGE", "ANSWER_TOO_LARGE")


async def test_a_token_is_needed_as_for_every_call(model, serve, refusal):
    async with (
        serve(model, token="t" * 40) as (server, _),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        assert (await refusal(call(server, "ModelInfer", infer(), channel)))[0] == "UNAUTHENTICATED"
        metadata = (("authorization", f"Bearer {'t' * 40}"),)
        assert (await call(server, "ModelInfer", infer(), channel, metadata=metadata)).outputs


async def test_health_and_reflection_list_the_service(model, serve):
    async with serve(model) as (server, _):
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            status = await asyncio.to_thread(check, health_pb2.HealthCheckRequest(service=SERVICE))
            assert status.status == health_pb2.HealthCheckResponse.SERVING
            database = ProtoReflectionDescriptorDatabase(channel)
            assert SERVICE in await asyncio.to_thread(lambda: list(database.get_services()))
