"""A frame's tensor to the cloud and its answer back, against a plain TCP socket carrying the same bytes.

Run with ``python -m bench.rpc_overhead [--output FILE.json]`` (about a minute). Two processes, one core each, joined by
loopback. Through gRPC the whole path is timed: from a numpy array on the edge to a torch tensor in the cloud, a tail
that takes 1 kB out of it, and the answer's array on the edge; through `StreamTails` as an agent's frames go, and
through `RunTail`. The raw socket moves the same bytes both ways and does nothing with them. Both processes keep freed
memory (`models.memory`), unless ``--default-malloc`` asks for the allocator's own way.

The three take turns, so that a slow moment of the machine falls on all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import grpc
import numpy as np
import torch
from torch import nn

import models
from cloud_service import CloudConfig, CloudServer
from edge_service.cloud import Answer
from edge_service.cloud_client import OPTIONS, GrpcCloud
from models import keep_freed_memory
from protos import decode_tensor, encode_tensor
from protos.frames import TailRequest
from protos.transport import run_tail

SIZES = (10_000, 100_000, 1_000_000, 4_000_000, 16_000_000)
ANSWER_BYTES = 1024
WARM_UP = 10
LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one way of sending: the least, the middle, and where most lie."""

    min_s: float
    median_s: float
    p10_s: float
    p90_s: float

    @classmethod
    def of(cls, samples: list[float]) -> Times:
        """Sums up samples."""
        tenths = quantiles(samples, n=10)
        return cls(min(samples), median(samples), tenths[0], tenths[-1])


@dataclass(frozen=True, slots=True)
class Row:
    """One size: the times of each way, and how many round trips of each were timed."""

    size_bytes: int
    repeats: int
    raw: Times
    stream: Times
    unary: Times


class Front(nn.Module):
    """Answers with the first kilobyte of what it gets."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Takes 256 floats of [1, N]."""
        return x[:, : ANSWER_BYTES // 4] + 0.0


def model_of(size_bytes: int) -> models.Model:
    return models.Model(Front().eval(), (torch.zeros(1, size_bytes // 4),), name=f"front-{size_bytes}")


# The cloud


def answer_raw(listener: socket.socket) -> None:
    """Takes connections, one after the other: the size of a message, then messages and answers."""
    answer = bytes(ANSWER_BYTES)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            message = memoryview(bytearray(int.from_bytes(connection.recv(8), "little")))
            while receive(connection, message):
                connection.sendall(answer)


def receive(connection: socket.socket, into: memoryview) -> bool:
    """Fills a buffer; False when the other side has ended."""
    got = 0
    while got < len(into):
        count = connection.recv_into(into[got:])
        if not count:
            return False
        got += count
    return True


async def serve(sizes: tuple[int, ...]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=answer_raw, args=(listener,), daemon=True).start()
    server = CloudServer(CloudConfig(listen="127.0.0.1:0", threads=1), [model_of(size) for size in sizes])
    await server.start()
    print(server.port, listener.getsockname()[1], flush=True)
    await server.serve_until(asyncio.Event())


@contextlib.contextmanager
def cloud(sizes: tuple[int, ...], options: tuple[str, ...] = ()) -> Iterator[tuple[int, int]]:
    """The cloud process on the second core: its ports, gRPC's and the raw one."""
    command = [sys.executable, "-m", "bench.rpc_overhead", *options, "--serve", *map(str, sizes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = (line.split() for line in process.stdout or ())
            grpc_port, raw_port = next((int(a), int(b)) for a, b in lines)
            yield grpc_port, raw_port
        finally:
            process.terminate()


# The edge

Turn = Callable[[], Awaitable[Any]]


@contextlib.contextmanager
def raw_turns(port: int, size_bytes: int) -> Iterator[Turn]:
    message, answer = bytes(size_bytes), memoryview(bytearray(ANSWER_BYTES))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(size_bytes.to_bytes(8, "little"))

        async def turn() -> None:
            connection.sendall(message)
            receive(connection, answer)

        yield turn


@contextlib.asynccontextmanager
async def stream_turns(port: int, model: models.Model, array: np.ndarray[Any, Any]) -> AsyncIterator[Turn]:
    names = [layer.name for layer in model.graph.layers]
    client = GrpcCloud(f"127.0.0.1:{port}", model=model.name, digest=model.digest, layers=names)
    await client.profile(LIMIT_S)
    tails = client.open_tails()
    events = tails.events()
    try:

        async def turn() -> None:
            frame = client.encode(1, {"x": [(array, "float32")]}, ())
            await tails.send(frame, LIMIT_S)
            async for event in events:
                if isinstance(event, Answer):
                    checked(event.outputs["out"])
                    return

        yield turn
    finally:
        tails.cancel()
        await events.aclose()  # type: ignore[attr-defined] # events() is an async generator
        await client.close()


@contextlib.asynccontextmanager
async def unary_turns(port: int, model: models.Model, array: np.ndarray[Any, Any]) -> AsyncIterator[Turn]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel:
        call = run_tail(channel)

        async def turn() -> None:
            request = TailRequest(model.name, model.digest, 1, (encode_tensor("x", array),))
            response = await call(request, timeout=LIMIT_S)
            checked(decode_tensor(response.outputs[0]))

        yield turn


def checked(answer: np.ndarray[Any, Any]) -> None:
    if answer.nbytes != ANSWER_BYTES:
        raise RuntimeError(f"expected an answer of {ANSWER_BYTES} bytes, got {answer.nbytes}")


async def measure(ports: tuple[int, int], size_bytes: int, repeats: int) -> Row:
    model = model_of(size_bytes)
    array = np.random.default_rng(0).random((1, size_bytes // 4), np.float32)
    samples: dict[str, list[float]] = {"raw": [], "stream": [], "unary": []}
    with raw_turns(ports[1], size_bytes) as raw:
        async with stream_turns(ports[0], model, array) as stream, unary_turns(ports[0], model, array) as unary:
            for repeat in range(-WARM_UP, repeats):
                for name, turn in (("raw", raw), ("stream", stream), ("unary", unary)):
                    began_s = time.perf_counter()
                    await turn()
                    took_s = time.perf_counter() - began_s
                    if repeat >= 0:
                        samples[name].append(took_s)
    return Row(size_bytes, repeats, **{name: Times.of(seconds) for name, seconds in samples.items()})


def repeats_of(size_bytes: int, scale: float) -> int:
    """More of what is quick."""
    return max(20, round(scale * min(1000, 3e8 / size_bytes)))


def table(rows: list[Row]) -> str:
    """The rows as Markdown: milliseconds; least, and median with the range of the middle 80 %."""

    def cell(times: Times) -> str:
        return " | ".join(
            (
                f"{1e3 * times.min_s:.2f}",
                f"{1e3 * times.median_s:.2f} ({1e3 * times.p10_s:.2f} to {1e3 * times.p90_s:.2f})",
            )
        )

    ways = " | ".join(f"{way} min | median" for way in ("raw", "stream", "RunTail"))
    compared = "stream - raw, min | stream / raw, min | stream / raw, median"
    lines = [f"| bytes | {ways} | {compared} |", "|---" * 10 + "|"]
    for row in rows:
        more_ms = 1e3 * (row.stream.min_s - row.raw.min_s)
        lines.append(
            f"| {row.size_bytes} | {cell(row.raw)} | {cell(row.stream)} | {cell(row.unary)} "
            f"| {more_ms:.2f} | {row.stream.min_s / row.raw.min_s:.2f} "
            f"| {row.stream.median_s / row.raw.median_s:.2f} |"
        )
    return "\n".join(lines)


def pin(core: int) -> None:
    """Keeps this process on the first or the second core of the machine, where the system can."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=int, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help="write the numbers to this JSON file")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="bytes of the tensor; multiples of 4")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the number of repeats")
    parser.add_argument("--default-malloc", action="store_true", help="let the allocator give memory back")
    chosen = parser.parse_args()
    kept = not chosen.default_malloc and keep_freed_memory()
    torch.set_num_threads(1)
    pin(1 if chosen.serve else 0)
    if chosen.serve:
        asyncio.run(serve(tuple(chosen.serve)))
        return
    with cloud(tuple(chosen.sizes), ("--default-malloc",) if chosen.default_malloc else ()) as ports:
        rows = [asyncio.run(measure(ports, size, repeats_of(size, chosen.scale))) for size in chosen.sizes]
    print(table(rows))
    if chosen.output:
        told = {
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "grpc": grpc.__version__,
            "torch": torch.__version__,
            "memory_kept": kept,
            "rows": [asdict(row) for row in rows],
        }
        chosen.output.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
