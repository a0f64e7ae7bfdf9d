"""Who a caller is, and thirty edges at one address over real connections."""

import contextlib
import logging

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cloud_service.access.clients import client_of
from cloud_service.load.shares import Client
from split_wire import split_pb2, split_pb2_grpc

EDGES = 30
MODELS = split_pb2.ListModelsRequest()


class Call:
    """A call's context, as far as it tells of the caller."""

    def __init__(self, peer, *, metadata=(), **shown):
        self._peer, self._metadata, self._shown = peer, metadata, shown

    def peer(self):
        return self._peer

    def auth_context(self):
        return self._shown

    def invocation_metadata(self):
        return self._metadata


def named(name):
    return (("dads-edge", name),)


@pytest.mark.parametrize(
    ("call", "token", "client"),
    [
        (Call("ipv4:192.0.2.7:50"), "", Client("ipv4:192.0.2.7", ":50", shared=True)),
        (Call("ipv6:%5B::1%5D:50", metadata=named("a-1")), "", Client("ipv6:%5B::1%5D", "a-1", shared=True)),
        (Call("ipv4:192.0.2.7:50", metadata=named("a-1")), "token 3", Client("token 3", "a-1")),
        (Call("ipv4:192.0.2.7:50", x509_subject=[b"e"]), "token 3", Client("certificate e", ":50")),
        # What is no name is none, and what a proxy tells identifies nobody.
        (Call("ipv4:192.0.2.7:50", metadata=named(":51")), "", Client("ipv4:192.0.2.7", ":50", shared=True)),
        (Call("ipv4:192.0.2.7:50", metadata=named("a" * 65)), "", Client("ipv4:192.0.2.7", ":50", shared=True)),
        (
            Call("ipv4:192.0.2.7:50", metadata=(("x-forwarded-for", "198.51.100.1"),)),
            "",
            Client("ipv4:192.0.2.7", ":50", shared=True),
        ),
    ],
)
def test_a_client_is_its_certificate_its_token_or_its_address(call, token, client):
    assert client_of(call, token) == client


@contextlib.asynccontextmanager
async def streams(stub, metadata):
    """Two streams of one edge: both heartbeats, or what the edge is told."""
    calls, came = [], []
    for _ in range(2):
        call = stub.StreamTails(metadata=metadata)
        calls.append(call)
        try:
            came.append((await call.read()).WhichOneof("event"))
        except grpc.aio.AioRpcError as error:
            came.append(error.details())
    yield came
    for call in calls:
        call.cancel()


async def all_of(stub, stack, *metadata):
    return [await stack.enter_async_context(streams(stub, one)) for one in metadata]


async def test_thirty_edges_at_one_address_have_their_streams_and_are_told_of(model, serve, caplog):
    with caplog.at_level(logging.WARNING, "cloud_service"):
        async with serve(model) as (server, stub), contextlib.AsyncExitStack() as stack:
            came = await all_of(stub, stack, *(named(f"edge-{n}") for n in range(EDGES)))
            shared = server._metrics.registry.get_sample_value("dads_shared_addresses")
    assert came == EDGES * [["heartbeat", "heartbeat"]]
    assert shared == 1
    assert caplog.text.count("edges at one address share the limits of one client") == 1


async def test_edges_at_an_address_that_is_full_are_told_why_and_tokens_cure_it(model, serve, tmp_path):
    edges = [named(f"edge-{n}") for n in range(EDGES)]
    async with serve(model, max_calls_per_client=32) as (_, stub), contextlib.AsyncExitStack() as stack:
        came = await all_of(stub, stack, *edges)
    assert came[:16] == 16 * [["heartbeat", "heartbeat"]]
    cure = "expected a token of its own for each edge, or a larger --max-calls-per-client"
    for number, told in enumerate(came[16:], 17):
        assert told == 2 * [f"this address has 32 calls open; {number} edges share its limit of 32; {cure}"]

    tokens = [f"token-of-edge-number-{n}" for n in range(EDGES)]
    (tmp_path / "tokens").write_text("\n".join(tokens))
    settings = {"max_calls_per_client": 2, "token_file": tmp_path / "tokens"}
    async with serve(model, **settings) as (server, stub), contextlib.AsyncExitStack() as stack:
        came = await all_of(stub, stack, *((("authorization", f"Bearer {token}"),) for token in tokens))
        assert server._gate.shared_addresses == 0
    assert came == EDGES * [["heartbeat", "heartbeat"]]


async def test_connections_tell_edges_apart_that_tell_no_names(model, serve):
    async with serve(model, max_calls_per_client=2) as (server, _), contextlib.AsyncExitStack() as stack:
        for number in range(3):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options)
            stub = split_pb2_grpc.SplitInferenceStub(await stack.enter_async_context(channel))
            call = stub.StreamTails()
            if number < 2:
                assert (await call.read()).WhichOneof("event") == "heartbeat"
                continue
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert "this address has 2 calls open; 3 edges share its limit of 2" in caught.value.details()


async def test_a_balancers_checks_and_reflection_are_not_counted_against_edges(model, serve):
    async with (
        serve(model, max_calls=1, max_calls_per_client=1) as (server, stub),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        reflecting = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await reflecting.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await reflecting.read()
        assert (await stub.ListModels(MODELS)).models
        watch.cancel()
        reflecting.cancel()
