"""The server as a process sees it: start, health, reflection, limits of gRPC, drain."""

import asyncio
import contextlib
import logging
import socket
import threading

import grpc
import grpc.aio
import numpy as np
import pytest
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from cloud_service import BindError, CloudConfig, CloudServer
from split_wire import encode_tensor, split_pb2, split_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def channel_to(server):
    return grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")


async def health_of(channel, service=""):
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status


async def test_healthy_for_the_server_and_for_the_service(model, serve):
    async with serve(model) as (server, _), channel_to(server) as channel:
        assert await health_of(channel) == SERVING
        assert await health_of(channel, "dads.v1.SplitInference") == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_of(channel, "no.such.Service")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def no_decoding(model):
    return {}


def server_of(model, measure, **settings):
    config = CloudConfig(**{"listen": "127.0.0.1:0", **settings})
    return CloudServer(config, [model], measure=measure, measure_decoding=no_decoding)


async def test_not_serving_until_warm(model, measure, ask, refusal, wait_for):
    warm = threading.Event()

    def slow_profile(model, *, repeats):
        assert warm.wait(20)
        return measure(model, repeats=repeats)

    server = server_of(model, slow_profile)
    starting = asyncio.create_task(server.start())
    try:
        await wait_for(lambda: server.port)
        async with channel_to(server) as channel:
            stub = split_pb2_grpc.SplitInferenceStub(channel)
            assert await health_of(channel) == NOT_SERVING
            for call in (stub.RunTail(ask()), stub.ListModels(split_pb2.ListModelsRequest())):
                code, reason, _, retry_s = await refusal(call)
                assert (code, reason) == ("UNAVAILABLE", "STARTING")
                assert retry_s > 0
            warm.set()
            await starting
            assert await health_of(channel) == SERVING
            assert (await stub.RunTail(ask())).outputs
    finally:
        warm.set()
        await starting
        await server.stop(5)


async def test_the_log_says_which_engine_runs_a_model(model, serve, caplog):
    with caplog.at_level(logging.INFO, "cloud_service"):
        async with serve(model):
            pass
    ((name, engine),) = ((record.model, record.engine) for record in caplog.records if record.message == "serving")
    assert (name, engine) == (model.name, model.engine.name)


async def test_the_engine_learns_how_many_threads_a_tail_may_use(model, serve):
    async with serve(model, threads=3):
        assert model.engine.threads == [3], "once in each thread that computes"


async def test_reflection_tells_the_services_and_the_messages(model, serve):
    def describe(port):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            return set(database.get_services()), database.FindFileContainingSymbol("dads.v1.SplitInference").package

    async with serve(model) as (server, _):
        services, package = await asyncio.to_thread(describe, server.port)
    assert services >= {"dads.v1.SplitInference", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert package == "dads.v1"


async def test_an_oversize_message_gets_grpcs_own_answer(model, serve, ask):
    async with serve(model, max_message_bytes=1000) as (_, stub):
        call = stub.RunTail(ask(outputs=["x" * 2000]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await rpc_status.aio.from_call(call) is None  # no details: not worth a retry
        assert (await stub.RunTail(ask())).outputs


async def test_a_message_larger_than_grpcs_default_is_taken(model, serve, ask, refusal):
    large = encode_tensor("x", np.zeros(5_000_000, np.uint8)).message()
    async with serve(model) as (_, stub):
        code, reason, _, _ = await refusal(stub.RunTail(ask(tensors=[large])))
    assert (code, reason) == ("INVALID_ARGUMENT", "WRONG_TENSOR")


# Drain


@contextlib.asynccontextmanager
async def draining(model, serve, ask, wait_for, grace_s=20):
    """A server that was told to stop while one tail runs: server, stub, the running call, the stopping task."""
    model.gate.clear()
    async with serve(model) as (server, stub):
        running = stub.RunTail(ask())
        await wait_for(lambda: server._admission.admitted == 1)
        stopping = asyncio.create_task(server.stop(grace_s))
        await wait_for(lambda: server._admission.draining)
        yield server, stub, running, stopping


async def test_drain_refuses_new_work_and_finishes_the_old(model, serve, ask, refusal, wait_for):
    async with (
        draining(model, serve, ask, wait_for) as (server, stub, running, stopping),
        channel_to(server) as channel,
    ):
        assert await health_of(channel) == NOT_SERVING
        refused = [
            await refusal(stub.RunTail(ask())),
            await refusal(stub.Probe(iter([]))),
        ]
        for code, reason, _, retry_s in refused:
            assert (code, reason) == ("UNAVAILABLE", "DRAINING")
            assert retry_s > 0
        assert not stopping.done()
        model.gate.set()
        assert (await running).outputs
        await stopping


async def test_drain_answers_the_frames_of_open_streams_and_then_ends_them(
    model, serve, frame, answers, details, wait_for
):
    model.gate.clear()
    async with serve(model) as (server, stub):
        call = stub.StreamTails()
        for n in range(3):
            await call.write(frame(n))
        await wait_for(lambda: server._admission.admitted == 3)
        stopping = asyncio.create_task(server.stop(20))
        await wait_for(lambda: server._admission.draining)
        await call.write(frame(3))
        (refused,) = await answers(call, 1)
        assert refused.error.frame_id == 3
        assert details(Status.FromString(refused.error.status))[0].reason == "DRAINING"
        model.gate.set()
        assert [r.result.frame_id for r in await answers(call, 3)] == [0, 1, 2]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answers(call)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        status = await rpc_status.aio.from_call(call)
        assert details(status)[0].reason == "DRAINING"
        await stopping


async def test_an_idle_stream_does_not_hold_the_server_up(model, serve, wait_for):
    async with serve(model) as (server, stub):
        call = stub.StreamTails()
        assert (await call.read()).WhichOneof("event") == "heartbeat"
        await asyncio.wait_for(server.stop(grace_s=60), timeout=20)
        assert await call.code() is grpc.StatusCode.UNAVAILABLE


async def test_the_grace_ends(model, serve, ask, wait_for):
    async with draining(model, serve, ask, wait_for, grace_s=0.05) as (_, _, running, stopping):
        await asyncio.wait_for(stopping, timeout=20)  # while the tail still runs
        assert await running.code() is not grpc.StatusCode.OK


async def test_serves_until_told_to_stop(model, measure, ask):
    server = server_of(model, measure, grace_s=5)
    await server.start()
    stop = asyncio.Event()
    serving = asyncio.create_task(server.serve_until(stop))
    async with channel_to(server) as channel:
        assert (await split_pb2_grpc.SplitInferenceStub(channel).RunTail(ask())).outputs
        stop.set()
        await asyncio.wait_for(serving, timeout=20)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0, "nobody listens any more"


# Start that fails


async def test_a_port_in_use_is_refused(model, measure):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BindError, match=f"cannot listen on 127.0.0.1:{port}; expected a free port"):
            await server_of(model, measure, listen=f"127.0.0.1:{port}").start()
        with pytest.raises(BindError, match=f"cannot serve metrics on 127.0.0.1:{port}"):
            await server_of(model, measure, metrics_port=port).start()


async def test_two_servers_do_not_share_a_port(model, measure, serve):
    async with serve(model) as (server, _):
        with pytest.raises(BindError):
            await server_of(model, measure, listen=f"127.0.0.1:{server.port}").start()


async def test_a_model_that_fails_to_warm_up_closes_the_port_again(model):
    def broken(model, *, repeats):
        raise ValueError("cannot run")

    server = server_of(model, broken, metrics_port=0)
    with pytest.raises(ValueError, match="cannot run"):
        await server.start()
    assert server.metrics_port is None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0, "nobody listens any more"
