"""The two ends of a link over which whole tensors are sent and nothing is computed. Child processes.

The real server and the real agent; the edge always offloads because its own times are said to be long, or never
because they are said to be nothing. `bench.idle_link` drives frames at several rates, `bench.estimators` watches the
estimate while the link changes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import nn

import split_model
from bench.links.shaped import Link
from cloud_service import CloudConfig, CloudServer
from edge_service import Agent, AgentConfig, FrameResult

__all__ = ["SIZES_BYTES", "Frame", "Reading", "driving", "serving", "watching"]

SIZES_BYTES = {"150kB": 150_000, "1MB": 1_000_000}
READ_EVERY_S = 0.05
_THIS = (sys.executable, "-m", "bench.links.upload_ends")


def model_of(size_bytes: int) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A model whose input is sent whole and whose answer is small."""
    return nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool1d(8)).eval(), (torch.zeros(1, 1, size_bytes // 4),)


def small() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    return model_of(SIZES_BYTES["150kB"])


def large() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    return model_of(SIZES_BYTES["1MB"])


SPECS = {"150kB": "bench.links.upload_ends:small", "1MB": "bench.links.upload_ends:large"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it went."""

    rate_hz: float
    outcome: str
    predicted_s: float
    measured_s: float
    latency_s: float
    uplink_bps: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The estimate at a time of the machine's monotonic clock, and the frames that had ended by then."""

    at_s: float
    uplink_bps: float | None
    frames: int


# In the benchmark's own process


@contextlib.contextmanager
def serving(link: Link, size: str) -> Iterator[str]:
    """The cloud, for as long as the context lasts; its address as the edge dials it."""
    command = link.on_cloud([*_THIS, "--size", size, "--serve", link.listen])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cloud:
        try:
            yield link.dial(next(int(line) for line in cloud.stdout or () if line.strip().isdecimal()))
        finally:
            cloud.terminate()


def driving(link: Link, address: str, size: str, frames: Sequence[tuple[float, int]]) -> list[Frame]:
    """Sends so many frames at each rate, and returns how they went, but for the first of each rate."""
    pairs = [f"{rate_hz}:{count}" for rate_hz, count in frames]
    command = link.on_edge([*_THIS, "--size", size, "--drive", address, "--frames", *pairs])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Frame(**frame) for frame in json.loads(done.stdout.splitlines()[-1])]


def watching(link: Link, address: str, size: str, rate_hz: float, run_s: float, *, offload: bool) -> Iterator[Reading]:
    """Yields what the agent's estimate is while frames are sent, from the moment there is one."""
    command = [*_THIS, "--size", size, "--watch", address, "--rate", str(rate_hz), "--run", str(run_s)]
    command += ["--offload"] if offload else []
    with subprocess.Popen(link.on_edge(command), stdout=subprocess.PIPE, text=True) as edge:
        for line in edge.stdout or ():
            if line.startswith("{"):
                yield Reading(**json.loads(line))


# The children


async def serve(listen: str, size: str) -> None:
    server = CloudServer(CloudConfig(listen=listen, insecure=True, threads=1), [split_model.load(SPECS[size])])
    await server.start()
    print(server.port, flush=True)
    await server.serve_until(asyncio.Event())


def agent_of(address: str, size: str, rate_hz: float, *, offload: bool) -> Agent:
    """An agent whose times make the choice: everything in the cloud, or nothing."""
    model = split_model.load(SPECS[size])
    layer_s = 100.0 if offload else 0.0
    layers = len(model.graph.layers) - 1
    profile = split_model.Profile(layer_s=(0.0, *[layer_s] * layers), whole_s=layer_s * layers)
    return Agent(model, address, AgentConfig(rate_hz=rate_hz, require_cloud=True), edge_profile=profile)


async def estimated(agent: Agent) -> None:
    """Returns when the agent has an estimate of the uplink."""
    while agent.state.uplink_bps is None:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(READ_EVERY_S)


async def drive(address: str, size: str, frames: Sequence[tuple[float, int]]) -> list[Frame]:
    found: list[Frame] = []
    tensor = torch.zeros(1, 1, SIZES_BYTES[size] // 4)
    for rate_hz, count in frames:
        async with agent_of(address, size, rate_hz, offload=True) as agent:
            await estimated(agent)
            began_s, futures = time.monotonic(), []
            for index in range(count):
                await asyncio.sleep(max(0.0, began_s + index / rate_hz - time.monotonic()))
                futures.append(agent.put(tensor))
            results = await asyncio.gather(*futures)
            found += [told(result, rate_hz) for result in results[1:] if result.partition is not None]
    return found


def told(result: FrameResult, rate_hz: float) -> Frame:
    predicted, measured = result.predicted(), result.measured()
    return Frame(
        rate_hz=rate_hz,
        outcome=result.outcome.value,
        predicted_s=predicted["transfer"],
        measured_s=measured["transfer"],
        latency_s=result.latency_s,
        uplink_bps=result.uplink_bps or 0.0,
    )


async def watch(address: str, size: str, rate_hz: float, run_s: float, *, offload: bool) -> None:
    """Prints a reading per line."""
    frame = torch.zeros(1, 1, SIZES_BYTES[size] // 4)
    futures = []
    async with agent_of(address, size, rate_hz, offload=offload) as agent:
        await estimated(agent)
        began_s, next_s = time.monotonic(), time.monotonic()
        while (now_s := time.monotonic()) < began_s + run_s:
            while next_s <= now_s:
                futures.append(agent.put(frame))
                next_s += 1 / rate_hz
            ended = sum(future.done() for future in futures)
            print(json.dumps(asdict(Reading(now_s, agent.state.uplink_bps, ended))), flush=True)
            await asyncio.sleep(READ_EVERY_S)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--serve", "--drive", "--watch"):
        parser.add_argument(name)
    parser.add_argument("--size", choices=SIZES_BYTES)
    parser.add_argument("--frames", nargs="*")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--run", type=float)
    parser.add_argument("--offload", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.serve:
        asyncio.run(serve(chosen.serve, chosen.size))
    elif chosen.watch:
        asyncio.run(watch(chosen.watch, chosen.size, chosen.rate, chosen.run, offload=chosen.offload))
    else:
        pairs = [pair.split(":") for pair in chosen.frames]
        frames = asyncio.run(
            drive(chosen.drive, chosen.size, [(float(rate_hz), int(count)) for rate_hz, count in pairs])
        )
        print(json.dumps([asdict(frame) for frame in frames]))


if __name__ == "__main__":
    main()
