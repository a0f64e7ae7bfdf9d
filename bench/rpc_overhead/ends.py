"""The two ends of `bench.rpc_overhead`, children: a cloud that answers, and an edge that sends and times.

The cloud tells the ports of the service, of bare gRPC and of the raw socket; the edge tells the seconds of every round
trip, one object for each size.
"""

import contextlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import numpy as np
import torch
from torch import nn

import split_model
from bench.child import Parent
from bench.publishing.harness import turns
from bench.rpc_overhead.raw import ANSWER_BYTES, Turn, raw_turns, serve_raw
from cloud_service import CloudConfig, CloudServer
from edge_service.cloud.client import OPTIONS, GrpcCloud
from edge_service.cloud.seam import Answer
from split_model.engines.memory import keep_freed_memory
from split_wire import decode_tensor, encode_tensor
from split_wire.frames import TailRequest
from split_wire.transport import run_tail

# Of an `Answer`.
SERVER_PARTS = ("server_s", "queue_s", "decode_s", "compute_s")
BARE_SERVICE, BARE_METHOD = "bench.Bare", "Stream"
LIMIT_S = 60.0

Array = np.ndarray[Any, Any]


class Front(nn.Module):
    """Answers with the first kilobyte of what it gets: 256 floats of [1, N]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, : ANSWER_BYTES // 4] + 0.0


def model_and_array(size_bytes: int) -> tuple[split_model.Model, Array]:
    model = split_model.model_of(Front().eval(), (torch.zeros(1, size_bytes // 4),), name=f"front-{size_bytes}")
    return model, np.random.default_rng(0).random((1, size_bytes // 4), np.float32)


async def serve_models(listen: str, sizes: Sequence[int]) -> CloudServer:
    models = [model_and_array(size)[0] for size in sizes]
    server = CloudServer(CloudConfig(listen=listen, insecure=True, threads=1), models)
    await server.start()
    return server


async def serve_beside(
    listen: str, service: str, method: str, handler: "grpc.RpcMethodHandler[Any, Any]"
) -> tuple[grpc.aio.Server, int]:
    """A gRPC server of one method, with the service's options, and its port."""
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port(listen)
    await server.start()
    return server, port


async def answer_bare(requests: AsyncIterator[bytes], _: object) -> AsyncIterator[bytes]:
    """Answers messages that nobody reads with one that is there already: what gRPC itself costs."""
    answer = bytes(ANSWER_BYTES)
    async for _message in requests:
        yield answer


async def serve(parent: Parent, listen: str, sizes: Sequence[int]) -> None:
    settle(core=1)
    raw_port = serve_raw(listen.rpartition(":")[0])
    handler = grpc.stream_stream_rpc_method_handler(answer_bare)
    _bare, bare_port = await serve_beside(listen, BARE_SERVICE, BARE_METHOD, handler)
    server = await serve_models(listen, sizes)
    parent.tell([server.port, bare_port, raw_port])
    await parent.hear()


@contextlib.asynccontextmanager
async def bare_turns(address: str, size_bytes: int) -> AsyncIterator[Turn]:
    message = bytes(size_bytes)
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        opened: Any = channel.stream_stream  # its annotations want what it does without
        call = opened(f"/{BARE_SERVICE}/{BARE_METHOD}")()

        async def turn() -> None:
            await call.write(message)
            await call.read()

        yield turn
        call.cancel()


@contextlib.asynccontextmanager
async def stream_turns(address: str, model: split_model.Model, array: Array) -> AsyncIterator[Turn]:
    names = [layer.name for layer in model.graph.layers]
    client = GrpcCloud(address, model=model.name, digest=model.digest, layers=names)
    await client.profile(LIMIT_S)
    tails = client.open_tails()
    events = tails.events()
    try:

        async def turn() -> Answer:
            frame = client.encode(1, {"x": [(array, "float32")]}, ())
            await tails.send(frame, LIMIT_S)
            async for event in events:
                if isinstance(event, Answer):
                    checked(event.outputs["out"])
                    return event
            raise RuntimeError("the stream ended without an answer")

        yield turn
    finally:
        tails.cancel()
        await events.aclose()  # type: ignore[attr-defined] # events() is an async generator
        await client.close()


@contextlib.asynccontextmanager
async def unary_turns(address: str, model: split_model.Model, array: Array) -> AsyncIterator[Turn]:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        call = run_tail(channel)

        async def turn() -> None:
            request = TailRequest(model.name, model.digest, 1, (encode_tensor("x", array),))
            response = await call(request, timeout=LIMIT_S)
            checked(decode_tensor(response.outputs[0]))

        yield turn


def checked(answer: Array) -> None:
    if answer.nbytes != ANSWER_BYTES:
        raise RuntimeError(f"expected an answer of {ANSWER_BYTES} bytes, got {answer.nbytes}")


async def drive(parent: Parent, addresses: Sequence[str], sizes: Sequence[tuple[int, int]], warmup: int) -> None:
    """Times each size so many times; gRPC has one event loop for all."""
    settle(core=0)
    parent.tell([await timed(addresses, size, warmup, repeats) for size, repeats in sizes])


async def timed(addresses: Sequence[str], size_bytes: int, warmup: int, repeats: int) -> dict[str, Any]:
    """Seconds of each way's turns, and what the server says of its part in those of the stream."""
    service, bare_service, raw_socket = addresses
    sent = model_and_array(size_bytes)
    async with contextlib.AsyncExitStack() as stack:
        ways: dict[str, Turn] = {
            "raw": stack.enter_context(raw_turns(raw_socket, size_bytes)),
            "bare": await stack.enter_async_context(bare_turns(bare_service, size_bytes)),
            "stream": await stack.enter_async_context(stream_turns(service, *sent)),
            "unary": await stack.enter_async_context(unary_turns(service, *sent)),
        }
        samples_s: dict[str, list[float]] = {name: [] for name in ways}
        server_s: dict[str, list[float]] = {name: [] for name in SERVER_PARTS}
        # Who comes after the raw socket finds more out of the caches.
        for name, counts in turns(ways, repeats, warmup=warmup, shuffled=True):
            began_s = time.perf_counter()
            answer = await ways[name]()
            took_s = time.perf_counter() - began_s
            if counts:
                samples_s[name].append(took_s)
                for part in SERVER_PARTS if isinstance(answer, Answer) else ():
                    server_s[part].append(getattr(answer, part))
    return {"samples_s": samples_s, "server_s": server_s}


def settle(core: int) -> None:
    """Keeps this process on the first or the second core of the machine, where the system can, and freed memory."""
    keep_freed_memory()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})
