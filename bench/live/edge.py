"""The edge's end of a live benchmark: a child process that loads models and runs frames through agents, as it is told.

`bench.live.services` starts it in the edge's network namespace and talks with it in lines of JSON: a request on
stdin, its
answer on stdout. Whatever else the process prints goes to stderr.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
import torch

import split_model
from bench.live.choosers import GivenSplits, Oracle
from bench.live.run import EdgeRun, RunFrame, RunResult
from edge_service import Agent, AgentConfig, FrameResult, WireCosts, cut_label, measure_wire_costs
from edge_service.control import Policy
from edge_service.control.policies import policy_named
from edge_service.sources import open_source
from link_emulator import Trace

Image = npt.NDArray[np.uint8]

_IMAGES = 16
_WIRE_FRAMES = 2


class Edge:
    """Answers requests.

    Args:
        channel: Where answers go.
    """

    def __init__(self, channel: TextIO) -> None:
        self._channel = channel
        self._models: dict[str, split_model.Model] = {}
        self._profiles: dict[str, split_model.Profile] = {}
        self._images: dict[str, list[Image]] = {}
        self._wire_costs: dict[tuple[str, str, str], WireCosts] = {}

    def serve(self) -> None:
        """Answers until stdin ends."""
        with asyncio.Runner() as self._runner:  # gRPC wants one event loop for the process's whole life
            self._answer_all()

    def _answer_all(self) -> None:
        while line := sys.stdin.readline():
            request = json.loads(line)
            if request["ask"] == "load":
                self._tell(self._load(request["model"]))
            else:
                run = EdgeRun.from_json(request["run"])
                self._load(run.model)
                self._tell(asdict(self._runner.run(self._run(run))))

    def _tell(self, answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), file=self._channel, flush=True)

    def _load(self, spec: str) -> dict[str, Any]:
        if spec not in self._models:
            model = self._models[spec] = split_model.load(spec)
            self._profiles[spec] = split_model.profile(model, repeats=5, warmup=2)
            self._images[spec] = self._runner.run(_images(model))
        graph, profile = self._models[spec].graph, self._profiles[spec]
        return {
            "spec": spec,
            "layers": [[layer.name, list(layer.inputs), layer.output_bytes] for layer in graph.layers],
            "outputs": list(graph.outputs),
            "layer_s": profile.layer_s,
            "whole_s": profile.whole_s,
        }

    async def _run(self, run: EdgeRun) -> RunResult:
        began_s = time.monotonic()
        frames = _Frames()
        policy = self._policy(run)
        agent = Agent(
            self._models[run.model],
            run.cloud,
            _config(run),
            edge_profile=self._profiles[run.model],
            wire_costs=self._wire_costs_of(run),
            policy=policy,
            on_result=frames.took,
        )
        async with agent:
            # The answer to "ready" lets the run go: the link's trace begins with it.
            self._tell({"ready": True})
            await asyncio.to_thread(sys.stdin.readline)
            frames.zero_s = time.monotonic()
            if isinstance(policy, Oracle):
                policy.zero_s = frames.zero_s
            await _Feeder(agent, run, self._images[run.model], frames, policy).feed()
        return RunResult(tuple(frames.told), time.monotonic() - began_s)

    def _policy(self, run: EdgeRun) -> Policy:
        if run.chooser == "given":
            return GivenSplits()
        if run.chooser == "oracle":
            times_s, rates_bps = zip(*run.trace, strict=True)
            return Oracle(Trace(times_s, rates_bps), run.goodput_share)
        return policy_named(run.strategy, self._models[run.model].graph)

    def _wire_costs_of(self, run: EdgeRun) -> WireCosts:
        """Measured once for each kind of run, on frames like those that are sent."""
        key = run.model, run.encodings, run.input_encoding
        if key not in self._wire_costs:
            frames = [(torch.from_numpy(image),) for image in self._images[run.model][:_WIRE_FRAMES]]
            self._wire_costs[key] = measure_wire_costs(self._models[run.model], frames, _config(run))
        return self._wire_costs[key]


class _Frames:
    """Turns results into what is told."""

    def __init__(self) -> None:
        self.zero_s = 0.0
        self.told: list[RunFrame] = []
        self.submitted_s: dict[int, float] = {}
        self.split = -1
        self.telling = True

    def took(self, result: FrameResult) -> None:
        now_s = time.monotonic()
        submitted_s = self.submitted_s.pop(result.frame_id)
        if not self.telling:
            return
        self.told.append(
            RunFrame(
                split=self.split,
                outcome=result.outcome.value,
                cut="" if result.partition is None else cut_label(result.partition),
                encoding="" if result.partition is None or not result.partition.cut else result.partition.encoding,
                mode=result.mode,
                switched=result.switched,
                submitted_s=submitted_s - self.zero_s,
                wall_s=now_s - submitted_s,
                latency_s=result.latency_s,
                predicted=dict(result.predicted()),
                measured=dict(result.measured()) if result.partition is not None else {},
                times=asdict(result.times),
                uplink_bps=result.uplink_bps,
                error=result.error,
            )
        )

    @property
    def done(self) -> int:
        return sum(frame.has_result for frame in self.told)


class _Feeder:
    """Submits frames at the pace that the run asks for."""

    def __init__(self, agent: Agent, run: EdgeRun, images: Sequence[Image], frames: _Frames, policy: Policy) -> None:
        self._agent = agent
        self._run = run
        self._images = images
        self._frames = frames
        self._policy = policy

    async def feed(self) -> None:
        for split in range(len(self._run.splits)) if self._run.splits else (-1,):
            self._frames.split = split
            if isinstance(self._policy, GivenSplits):
                self._policy.now = frozenset(self._run.splits[split])
            self._frames.telling = False
            for _ in range(self._run.warmup):
                await self._put()
            self._frames.telling = True
            await (self._feed_single() if self._run.pace == "single" else self._feed_at_rate())

    async def _feed_single(self) -> None:
        for _ in range(self._run.frames):
            await asyncio.sleep(self._run.pause_s)
            await self._put()

    async def _feed_at_rate(self) -> None:
        run, frames, loop = self._run, self._frames, asyncio.get_running_loop()
        wanted, begin_s = frames.done + run.frames, loop.time()
        pending, number = [], 0
        while frames.done < wanted and loop.time() - begin_s < run.limit_s:
            pending.append(self._put())
            number += 1
            await asyncio.sleep(max(0.0, begin_s + number / run.rate_hz - loop.time()))
        await asyncio.gather(*pending)

    def _put(self) -> asyncio.Future[FrameResult]:
        number = self._agent.next_id
        self._frames.submitted_s[number] = time.monotonic()
        return self._agent.put(self._images[number % len(self._images)])


def _config(run: EdgeRun) -> AgentConfig:
    settings: dict[str, Any] = {
        "rate_hz": run.rate_hz,
        "policy": run.strategy,
        "slowdown": run.slowdown,
        "encodings": run.encodings,
        "input_encoding": run.input_encoding,
        "require_cloud": run.cloud is not None and run.strategy != "edge_only",
        "connect_timeout_s": 60.0,
        "call_timeout_s": 30.0,
    }
    if run.max_waiting is not None:
        settings["max_waiting"] = run.max_waiting
    return AgentConfig(**settings)


async def _images(model: split_model.Model) -> list[Image]:
    """Frames of a real clip in the model's size: what is sent shall compress as real frames do."""
    _, _, height, width = model.inputs[0].shape
    source = open_source("sample", height=height, width=width, rate_hz=1.0, frames=_IMAGES, paced=False)
    return [frame.image async for frame in source]


def main() -> None:
    torch.set_num_threads(1)
    channel, sys.stdout = sys.stdout, sys.stderr
    Edge(channel).serve()


if __name__ == "__main__":
    main()
