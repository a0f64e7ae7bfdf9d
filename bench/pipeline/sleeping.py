"""Throughput of the three-stage pipeline against its slowest stage, with stages that sleep: a part of `bench.pipeline`.

Two processes with the emulated link between them: every frame's head sleeps 50 ms, its tensor of 250 kB takes 100 ms at
20 Mbit/s, its tail sleeps 20 ms in the cloud process. A perfect pipeline delivers a frame each 100 ms; one frame at a
time would take 170 ms.

The stages sleep so that the two cores are not what is measured; everything else is the real agent, the real server,
gRPC and protobuf.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import split_model
from bench.child import Parent, end, started
from bench.publishing.harness import Run
from cloud_service import CloudConfig, CloudServer
from edge_service import Agent, AgentConfig, FrameResult, Outcome
from link_emulator import LinkEmulator, Trace
from split_model.engines.engine import Results

HEAD_S, TAIL_S = 0.050, 0.020
UPLINK_BPS, TENSOR_BYTES = 20e6, 250_000
FRAMES, RUNS = 60, 3


@dataclass(frozen=True, slots=True)
class SleepingPart:
    """A part that sleeps first, and then runs."""

    part: split_model.Part
    sleeps_s: float

    def run(self, feeds: Mapping[str, split_model.Value], recorder: split_model.Recorder | None = None) -> Results:
        time.sleep(self.sleeps_s)
        return self.part.run(feeds, recorder)


class SleepingEngine:
    """Another engine, whose heads and tails sleep first."""

    def __init__(self, engine: split_model.Engine, head_s: float, tail_s: float) -> None:
        self._engine = engine
        self._head_s = head_s
        self._tail_s = tail_s

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # whatever the engine has
        return getattr(self._engine, name)

    def part(self, spec: split_model.PartSpec) -> SleepingPart:
        return SleepingPart(self._engine.part(spec), self._head_s if spec.layers else self._tail_s)


def sleeping(head_s: float, tail_s: float) -> split_model.Model:
    """One cheap layer over the tensor."""
    made = split_model.model_of(nn.Sequential(nn.ReLU()).eval(), (torch.zeros(1, TENSOR_BYTES // 4),), name="sleeping")
    engine: Any = SleepingEngine(made.engine, head_s, tail_s)
    return split_model.Model(
        made.definition, engine, name=made.name, example_inputs=made.example_inputs, original=made.original
    )


async def serve(parent: Parent) -> None:
    server = CloudServer(CloudConfig(listen="127.0.0.1:0", threads=1), [sleeping(0.0, TAIL_S)])
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
        Agent(sleeping(HEAD_S, 0.0), link.address, config, edge_profile=profile, on_result=on_result) as agent,
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
