"""The edge's end of a live benchmark: a child process that loads models and runs frames through agents, as it is told.

A request that only names a model is answered with its layers and their times. Any other is an `EdgeRun`: it is answered
when the agent is ready, waits for a word to go, and is then answered with its frames.
"""

import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import split_model
from bench.child import Parent
from bench.live.choosers import GivenSplits, Oracle
from bench.live.run import EdgeRun, RunFrame
from edge_service import Agent, AgentConfig, FrameResult, WireCosts, cut_label, measure_wire_costs
from edge_service.control import Policy
from edge_service.control.policies import policy_named
from edge_service.sources import open_source
from link_emulator import Trace
from split_model.parts import parts_of_split

Image = npt.NDArray[np.generic]

_IMAGES = 16
_WIRE_FRAMES = 2
_TIMER_S = 0.005


async def serve(parent: Parent) -> None:
    torch.set_num_threads(1)
    edges: dict[str, _Edge] = {}
    while True:
        request = await parent.hear()
        if (spec := request["model"]) not in edges:
            model = split_model.load(spec, threads=1)
            edges[spec] = _Edge(model, split_model.profile(model, repeats=5, warmup=2), await _images(model))
        edge = edges[spec]
        if request.keys() == {"model"}:
            layers = [[layer.name, layer.inputs, layer.output_bytes] for layer in edge.model.graph.layers]
            parent.tell([layers, edge.model.graph.outputs, edge.profile.layer_s, edge.profile.whole_s])
        else:
            parent.tell([asdict(frame) for frame in await edge.run(EdgeRun(**request), parent)])


async def _images(model: split_model.Model) -> list[Image]:
    """Frames of a real clip in the model's size: what is sent shall compress as real frames do. Noise for floats."""
    if model.inputs[0].dtype != "uint8":
        return list(np.random.default_rng(0).random((_IMAGES, *model.inputs[0].sizes), dtype=np.float32))
    _, _, height, width = model.inputs[0].sizes
    source = open_source(
        "sample",
        height=height,
        width=width,
        rate_hz=1.0,
        frames=_IMAGES,
        paced=False,
        preprocess=model.preprocess,
    )
    return [frame.image async for frame in source]


@dataclass(frozen=True, slots=True)
class _Edge:
    """A model that is loaded, and what was measured of it."""

    model: split_model.Model
    profile: split_model.Profile
    images: list[Image]
    wire_costs: dict[tuple[str, str], WireCosts] = field(default_factory=dict)

    async def run(self, run: EdgeRun, parent: Parent) -> list[RunFrame]:
        feed = _Feed(run, self.images, self.model)
        policy = self._policy(run)
        config = AgentConfig(
            rate_hz=run.rate_hz,
            policy=run.strategy,
            slowdown=run.slowdown,
            encodings=run.encodings,
            input_encoding=run.input_encoding,
            require_cloud=run.cloud is not None and run.strategy != "edge_only",
            connect_timeout_s=60.0,
            call_timeout_s=30.0,
        )
        wire = run.encodings, run.input_encoding
        if wire not in self.wire_costs:  # measured on frames like those that are sent
            frames = [(image,) for image in self.images[:_WIRE_FRAMES]]
            self.wire_costs[wire] = measure_wire_costs(self.model, frames, config)
        measured: Any = {"edge_profile": self.profile, "wire_costs": self.wire_costs[wire]}
        async with Agent(self.model, run.cloud, config, **measured, policy=policy, on_result=feed.took) as agent:
            parent.tell("ready")
            await parent.hear()  # the link's trace begins now
            watch = asyncio.create_task(feed.watch())
            await feed.feed(agent, policy)
            watch.cancel()
        return feed.told

    def _policy(self, run: EdgeRun) -> Policy:
        if run.splits:
            return GivenSplits(frozenset(run.splits[0]))
        if run.trace is not None:
            return Oracle(Trace(*map(tuple, run.trace)), run.goodput_share)
        return policy_named(run.strategy, self.model.graph, self.model.places)


class _Feed:
    """Submits frames at the pace that the run asks for, and tells what became of them."""

    def __init__(self, run: EdgeRun, images: list[Image], model: split_model.Model) -> None:
        self.told: list[RunFrame] = []
        self._model = model
        self._run = run
        self._images = images
        self._submitted_s: dict[int, float] = {}
        self._zero_s = 0.0
        self._split = -1
        self._telling = False
        self._blocked_s = 0.0
        self._agent: Agent | None = None

    async def watch(self) -> None:
        """Measures by how much a timer of the event loop is late."""
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(_TIMER_S)
            self._blocked_s = max(self._blocked_s, time.monotonic() - began_s - _TIMER_S)

    async def feed(self, agent: Agent, policy: Policy) -> None:
        self._zero_s, self._agent = time.monotonic(), agent
        if isinstance(policy, Oracle):
            policy.zero_s = self._zero_s
        for position in range(len(self._run.splits)) if self._run.splits else (-1,):
            if isinstance(policy, GivenSplits):
                await self._turn_to(policy, frozenset(self._run.splits[position]))
            self._split, self._telling = position, False
            for _ in range(self._run.warmup):
                await self._put(agent)
            self._telling = True
            await (self._feed_single(agent) if self._run.pace == "single" else self._feed_at_rate(agent))

    async def _turn_to(self, policy: GivenSplits, edge: frozenset[str]) -> None:
        """Runs this split from now on, when it is ready here; the cloud prepares its tail for the frames to warm up."""
        await asyncio.to_thread(self._model.engine.prepare, parts_of_split(self._model.definition, edge))
        policy.turn_to(edge)

    async def _feed_single(self, agent: Agent) -> None:
        for _ in range(self._run.frames):
            await asyncio.sleep(self._run.pause_s)
            await self._put(agent)

    async def _feed_at_rate(self, agent: Agent) -> None:
        run, loop = self._run, asyncio.get_running_loop()
        wanted, begin_s = self._done() + run.frames, loop.time()
        pending: list[asyncio.Future[FrameResult]] = []
        while self._done() < wanted and loop.time() - begin_s < run.limit_s:
            pending.append(self._put(agent))
            await asyncio.sleep(max(0.0, begin_s + len(pending) / run.rate_hz - loop.time()))
        await asyncio.gather(*pending)

    def _done(self) -> int:
        return sum(frame.has_result for frame in self.told)

    def _put(self, agent: Agent) -> asyncio.Future[FrameResult]:
        number = agent.next_id
        self._submitted_s[number] = time.monotonic()
        return agent.put(self._images[number % len(self._images)])

    def took(self, result: FrameResult) -> None:
        now_s, split = time.monotonic(), result.partition
        submitted_s = self._submitted_s.pop(result.frame_id)
        if not self._telling:
            return
        self.told.append(
            RunFrame(
                split=self._split,
                outcome=result.outcome.value,
                cut="" if split is None else cut_label(split),
                encoding=split.encoding if split is not None and split.cut else "",
                switched=result.switched,
                submitted_s=submitted_s - self._zero_s,
                wall_s=now_s - submitted_s,
                latency_s=result.latency_s,
                predicted=dict(result.predicted()),
                measured={} if split is None else dict(result.measured()),
                times=asdict(result.times),
                uplink_bps=result.uplink_bps,
                loop_blocked_s=self._blocked_s,
                table_splits=0 if self._agent is None else self._agent.state.table_splits,
                error=result.error,
            )
        )
        self._blocked_s = 0.0
