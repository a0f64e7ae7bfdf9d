"""The two ends of a link over which whole tensors are sent and nothing is computed.

The real server and the real agent; the edge always offloads because its own times are said to be long, or never
because they are said to be nothing. `bench.idle_link` drives frames at several rates, `bench.estimators` watches the
estimate while the link changes. `serve`, `drive` and `watch` are the children's.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

import split_model
from bench.child import Parent, end, started
from bench.links.shaped import ShapedLink
from cloud_service import CloudConfig, CloudServer
from edge_service import Agent, AgentConfig, FrameResult

SIZES_BYTES = {"150kB": 150_000, "1MB": 1_000_000}
READ_EVERY_S = 0.05
_HERE = "bench.links.upload_ends"


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


def model_and_frame(size: str) -> tuple[split_model.Model, torch.Tensor]:
    """A model whose input is sent whole and whose answer is small."""
    module, frame = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool1d(8)).eval(), torch.zeros(1, 1, SIZES_BYTES[size] // 4)
    return split_model.model_of(module, (frame,), name=f"upload-{size}"), frame


async def serve(parent: Parent, listen: str, size: str) -> None:
    server = CloudServer(CloudConfig(listen=listen, insecure=True, threads=1), [model_and_frame(size)[0]])
    await server.start()
    parent.tell(server.port)
    await parent.hear()


@contextlib.asynccontextmanager
async def agent_of(model: split_model.Model, address: str, rate_hz: float, *, offload: bool) -> AsyncIterator[Agent]:
    """An agent that has an estimate of the uplink, and whose times make the choice: all in the cloud, or nothing."""
    layer_s = 100.0 if offload else 0.0
    layers = len(model.graph.layers) - 1
    profile = split_model.Profile(layer_s=(0.0, *[layer_s] * layers), whole_s=layer_s * layers)
    async with Agent(model, address, AgentConfig(rate_hz=rate_hz, require_cloud=True), edge_profile=profile) as agent:
        while agent.state.uplink_bps is None:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(READ_EVERY_S)
        yield agent


async def drive(parent: Parent, address: str, size: str, frames: Sequence[tuple[float, int]]) -> None:
    model, frame = model_and_frame(size)
    found: list[dict[str, Any]] = []
    for rate_hz, count in frames:
        async with agent_of(model, address, rate_hz, offload=True) as agent:
            began_s, futures = time.monotonic(), []
            for index in range(count):
                await asyncio.sleep(max(0.0, began_s + index / rate_hz - time.monotonic()))
                futures.append(agent.put(frame))
            results = (await asyncio.gather(*futures))[1:]
            found += [{"rate_hz": rate_hz, **_told(result)} for result in results if result.partition is not None]
    parent.tell(found)


def _told(result: FrameResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "predicted_s": result.predicted()["transfer"],
        "measured_s": result.measured()["transfer"],
        "latency_s": result.latency_s,
        "uplink_bps": result.uplink_bps or 0.0,
    }


async def watch(parent: Parent, address: str, size: str, rate_hz: float, run_s: float, offload: bool) -> None:
    model, frame = model_and_frame(size)
    futures: list[asyncio.Future[FrameResult]] = []
    async with agent_of(model, address, rate_hz, offload=offload) as agent:
        began_s = time.monotonic()
        while (now_s := time.monotonic()) < began_s + run_s:
            while began_s + len(futures) / rate_hz <= now_s:
                futures.append(agent.put(frame))
            ended = sum(future.done() for future in futures)
            parent.tell(Reading(now_s, agent.state.uplink_bps, ended))
            await asyncio.sleep(READ_EVERY_S)
    parent.tell(None)
