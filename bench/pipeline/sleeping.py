"""Throughput of the three-stage pipeline against its slowest stage, with stages that sleep: a part of `bench.pipeline`.

Two processes with the emulated link between them: every frame's head sleeps 50 ms, its tensor of 250 kB takes 100 ms at
20 Mbit/s, its tail sleeps 20 ms in the cloud process. A perfect pipeline delivers a frame each 100 ms; one frame at a
time would take 170 ms.

The stages sleep so that the two cores are not what is measured; everything else is the real agent, the real server,
gRPC and protobuf.
"""

import asyncio
import time
from typing import Any

import torch
from torch import nn

import split_model
from bench.child import Parent, end, started
from bench.publishing.harness import Run
from cloud_service import CloudConfig, CloudServer
from edge_service import Agent, AgentConfig, FrameResult, Outcome
from link_emulator import LinkEmulator, Trace

HEAD_S, TAIL_S = 0.050, 0.020
UPLINK_BPS, TENSOR_BYTES = 20e6, 250_000
FRAMES, RUNS = 60, 3


class Sleeping(split_model.Model):
    """One cheap layer over the tensor; heads and tails sleep first."""

    def __init__(self, head_s: float, tail_s: float) -> None:
        super().__init__(nn.Sequential(nn.ReLU()).eval(), (torch.zeros(1, TENSOR_BYTES // 4),), name="sleeping")
        self._head_s = head_s
        self._tail_s = tail_s

    def split(self, edge: frozenset[str]) -> Any:  # noqa: ANN401 # parts that look like the model's own
        head, tail = super().split(edge)
        return SleepingPart(head, self._head_s), tail

    def tail(self, *arguments: Any) -> Any:  # noqa: ANN401 # see above
        return SleepingPart(super().tail(*arguments), self._tail_s)


class SleepingPart:
    """A head or a tail that sleeps first, and then runs."""

    def __init__(self, part: Any, part_s: float) -> None:  # noqa: ANN401 # a head or a tail
        self._part = part
        self._part_s = part_s

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # whatever the part has
        return getattr(self._part, name)

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401 # as the part's own
        time.sleep(self._part_s)
        return self._part(*arguments)

    def run(self, *arguments: Any) -> Any:  # noqa: ANN401 # as the part's own
        time.sleep(self._part_s)
        return self._part.run(*arguments)


async def serve(parent: Parent) -> None:
    server = CloudServer(CloudConfig(listen="127.0.0.1:0", threads=1), [Sleeping(0.0, TAIL_S)])
    await server.start()
    parent.tell(server.port)
    await parent.hear()


async def rate_hz(port: int) -> float:
    """Frames per second through the pipeline, the first ones left out."""
    done_s: list[float] = []

    def on_result(result: FrameResult) -> None:
        if result.outcome is not Outcome.OFFLOADED:
            raise RuntimeError(f"frame {result.frame_id} was {result.outcome}: {result.error}")
        done_s.append(time.monotonic())

    uplink, downlink = Trace.constant(UPLINK_BPS), Trace.constant(1e9)
    config = AgentConfig(rate_hz=10.0, strategy="cloud_only", max_waiting=FRAMES, require_cloud=True)
    profile = split_model.Profile(layer_s=(0.0, HEAD_S), whole_s=HEAD_S)
    async with (
        LinkEmulator(f"127.0.0.1:{port}", uplink=uplink, downlink=downlink, delay_s=0.005) as link,
        Agent(Sleeping(HEAD_S, 0.0), link.address, config, edge_profile=profile, on_result=on_result) as agent,
    ):
        await asyncio.gather(*(agent.put(torch.zeros(1, TENSOR_BYTES // 4)) for _ in range(FRAMES)))
    first = FRAMES // 6
    return (len(done_s) - first - 1) / (done_s[-1] - done_s[first])


def measure_sleeping(bench: Run) -> dict[str, Any]:
    """Runs the pipeline a few times; returns what each stage takes, and frames per second of each run."""
    rates = []
    with started(end("bench.pipeline.sleeping:serve")) as cloud:
        port = cloud.hear()
        for _ in range(RUNS):
            rates.append(asyncio.run(rate_hz(port)))
            bench.say(f"sleeping stages: {rates[-1]:.2f} frames/s")
    return {"head_s": HEAD_S, "transfer_s": 8 * TENSOR_BYTES / UPLINK_BPS, "tail_s": TAIL_S, "rates_hz": rates}
