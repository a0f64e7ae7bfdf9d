"""The two ends of a link over which whole tensors are sent and nothing is computed.

The real server and the real agent; the edge always offloads because its own times are said to be long, or never
because they are said to be nothing. `bench.idle_link` drives frames at several rates, `bench.estimators` watches the
estimate while the link changes. `serve`, `drive` and `watch` are the children's.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

import split_model
from bench.child import Parent, end, started
from bench.links.shaped import ShapedLink
from cloud_service import CloudConfig, CloudServer
from edge_service import Agent, AgentConfig

SIZES_BYTES = {"150kB": 150_000, "1MB": 1_000_000}
READ_EVERY_S = 0.05
_HERE = "bench.links.upload_ends"


def model_of(size: str) -> split_model.Model:
    """A model whose input is sent whole and whose answer is small."""
    module = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool1d(8)).eval()
    return split_model.Model(module, (torch.zeros(1, 1, SIZES_BYTES[size] // 4),), name=f"upload-{size}")


class Reading(NamedTuple):
    """The estimate at a time of the machine's monotonic clock, and the frames that had ended by then."""

    at_s: float
    uplink_bps: float | None
    frames: int


@contextlib.contextmanager
def serving(link: ShapedLink, size: str) -> Iterator[str]:
    """The cloud, for as long as the context lasts; its address as the edge dials it."""
    with started(link.on_cloud(end(f"{_HERE}:serve", link.listen, size))) as cloud:
        yield link.dial(cloud.hear())


def driving(link: ShapedLink, address: str, size: str, frames: Sequence[tuple[float, int]]) -> list[dict[str, Any]]:
    """Sends so many frames at each rate, and returns how they went, but for the first of each rate."""
    with started(link.on_edge(end(f"{_HERE}:drive", address, size, frames))) as edge:
        found: list[dict[str, Any]] = edge.hear()
        return found


def watching(
    link: ShapedLink, address: str, size: str, rate_hz: float, run_s: float, *, offload: bool
) -> Iterator[Reading]:
    """Yields what the agent's estimate is while frames are sent, from the moment there is one."""
    with started(link.on_edge(end(f"{_HERE}:watch", address, size, rate_hz, run_s, offload))) as edge:
        while (told := edge.hear()) is not None:
            yield Reading(*told)


async def serve(parent: Parent, listen: str, size: str) -> None:
    server = CloudServer(CloudConfig(listen=listen, insecure=True, threads=1), [model_of(size)])
    await server.start()
    parent.tell(server.port)
    await parent.hear()


def agent_of(address: str, size: str, rate_hz: float, *, offload: bool) -> Agent:
    """An agent whose times make the choice: everything in the cloud, or nothing."""
    model = model_of(size)
    layer_s = 100.0 if offload else 0.0
    layers = len(model.graph.layers) - 1
    profile = split_model.Profile(layer_s=(0.0, *[layer_s] * layers), whole_s=layer_s * layers)
    return Agent(model, address, AgentConfig(rate_hz=rate_hz, require_cloud=True), edge_profile=profile)


async def estimated(agent: Agent) -> None:
    """Returns when the agent has an estimate of the uplink."""
    while agent.state.uplink_bps is None:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(READ_EVERY_S)


async def drive(parent: Parent, address: str, size: str, frames: Sequence[tuple[float, int]]) -> None:
    found: list[dict[str, Any]] = []
    tensor = torch.zeros(1, 1, SIZES_BYTES[size] // 4)
    for rate_hz, count in frames:
        async with agent_of(address, size, rate_hz, offload=True) as agent:
            await estimated(agent)
            began_s, futures = time.monotonic(), []
            for index in range(count):
                await asyncio.sleep(max(0.0, began_s + index / rate_hz - time.monotonic()))
                futures.append(agent.put(tensor))
            results = await asyncio.gather(*futures)
            found += [
                {
                    "rate_hz": rate_hz,
                    "outcome": result.outcome.value,
                    "predicted_s": result.predicted()["transfer"],
                    "measured_s": result.measured()["transfer"],
                    "latency_s": result.latency_s,
                    "uplink_bps": result.uplink_bps or 0.0,
                }
                for result in results[1:]
                if result.partition is not None
            ]
    parent.tell(found)


async def watch(parent: Parent, address: str, size: str, rate_hz: float, run_s: float, offload: bool) -> None:
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
            parent.tell(Reading(now_s, agent.state.uplink_bps, ended))
            await asyncio.sleep(READ_EVERY_S)
    parent.tell(None)
