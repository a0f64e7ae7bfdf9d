"""The edge agent: frames in, results out, with a split chosen for every frame."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from edge_service.clouds import Clouds, connected
from edge_service.compute import EdgeCompute, edge_seconds
from edge_service.config import AgentConfig
from edge_service.control import (
    ArrivalRate,
    Controller,
    ControllerState,
    PacketCosts,
    Policy,
    RateChanged,
    Ready,
)
from edge_service.control.policies import policy_named
from edge_service.errors import AgentClosedError, CloudError, EngineError
from edge_service.frame import FrameResult
from edge_service.frame_image import FrameImage
from edge_service.inputs import holds_tensors, own_inputs
from edge_service.output.metrics import EdgeMetrics
from edge_service.parts import Parts
from edge_service.pipeline.order import InOrder
from edge_service.pipeline.pipeline import Pipeline
from edge_service.pipeline.prepared_parts import PreparedParts
from edge_service.sendable import sendable_graph
from edge_service.slowing import SlowedController
from edge_service.wire_costs import WireCosts, measure_wire_costs
from split_model import Model, Profile, compute_clock, profile
from split_model.structure import Tree

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from edge_service.output.tracing import Tracing

__all__ = ["Agent"]


class Agent:
    """Runs a model split between here and a cloud; an async context manager.

        async with Agent(split_model.load("torchvision:alexnet"), cloud="192.0.2.7:50051") as agent:
            result = await agent.submit(frame)  # uint8 [1, 3, 224, 224]
            print(result.outputs, result.outcome, result.partition.cut)

    Any number of frames may be submitted at once. They flow through a pipeline, and results leave in the order of
    submission. If frames arrive faster than they can be processed, the oldest waiting frame is dropped: its result says
    so. Without a cloud, or when the cloud is lost, every frame is computed here.

    Args:
        model: the model to run.
        cloud: "host:port" of a cloud service that serves the same model under the same name, a `Cloud`, or None; or
            several of these, as a sequence or "host:port,host:port": the best one is used.
        config: settings; by default those of the environment.
        edge_profile: the model's times on this machine; measured on entry if not given.
        wire_costs: bytes and seconds of each encoding of each layer's value, as `measure_wire_costs` measures them on
            similar frames; without it everything is sent raw.
        packet_costs: what the packets of the frames' source cost, as `edge_service.packet_costs` measures them, if
            frames may be sent as these; they are submitted as `FrameImage`s then.
        on_result: called with each result, in order, before the frame's future resolves. If it raises an exception, the
            agent ends: the next submission and leaving the context raise it too.
        policy: chooses the splits, in place of the policy in the settings; see `edge_service.control.Policy`.
        tracing: `edge_service.output.tracing.Tracing`, for a trace of each frame.

    Raises:
        CloudAddressError: an address is empty or given twice, or there are more than 16.
        AccessError: the cloud's address does not fit the access settings, or one of their files cannot be used.
        EngineError: heads are to be compiled, and another engine than torch runs the model.
        PolicyError: the model has no split as named in the settings, or it cannot be sent.

    Attributes:
        metrics: the Prometheus metrics, in their own registry.
        next_id: the id of the next frame.
    """

    def __init__(
        self,
        model: Model,
        cloud: Clouds,
        config: AgentConfig | None = None,
        *,
        edge_profile: Profile | None = None,
        wire_costs: WireCosts | None = None,
        packet_costs: PacketCosts | None = None,
        on_result: Callable[[FrameResult], None] | None = None,
        policy: Policy | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._model = model
        self._config = config or AgentConfig()
        if self._config.compile and model.engine.name != "torch":
            raise EngineError(
                f"compile: heads are compiled by torch, but engine {model.engine.name} runs {model.name}; "
                "expected engine torch, or no compile"
            )
        self._graph = sendable_graph(model)
        self._policy = policy_named(self._config.policy, self._graph, model.places) if policy is None else policy
        self._clouds = connected(cloud if self._policy.uses_cloud else None, model, self._config.access)
        self._edge_profile = edge_profile
        self._wire_costs = wire_costs
        self._packet_costs = packet_costs if self._config.sends_packets else None
        self._on_result = on_result
        self._tracing = tracing
        self.metrics = EdgeMetrics(model.name, model.graph, model.places)
        self.metrics.started(
            self._config,
            policy=self._policy.name,
            cloud=",".join(self._clouds) or None,
            clouds=tuple(self._clouds),
            digest=model.digest,
            torch_version=model.torch_version,
        )
        self._order = InOrder(self._left)
        self._rate = ArrivalRate(self._config.rate_hz)
        self._want_tensors: set[int] = set()
        self.next_id = 0
        self._compute: EdgeCompute | None = None
        self._controller: Controller | None = None
        self._pipeline: Pipeline | None = None

    async def __aenter__(self) -> Self:
        """Profiles the edge unless a profile was given, connects to the cloud and measures the link.

        Raises:
            CloudError: the configuration requires a cloud, and none can be reached and serves this model.
        """
        config = self._config
        if self._edge_profile is None:
            self._edge_profile = await asyncio.get_running_loop().run_in_executor(None, profile, self._model)
        if self._wire_costs is None:
            self._wire_costs = await asyncio.get_running_loop().run_in_executor(None, self._raw_costs)
        prepared = PreparedParts(self._model)
        # Listing the splits of a large model takes up to tenths of a second.
        self._controller = await asyncio.get_running_loop().run_in_executor(
            None, self._new_controller, self._edge_profile, self._wire_costs, prepared.ready
        )
        self._compute = EdgeCompute(config.slowdown, compute_clock(self._model.device))
        parts = Parts(
            self._model,
            self._controller,
            self._compute,
            self._wire_costs,
            config,
            self.metrics,
            self._tracing,
            tuple(self._clouds),
        )
        pipeline = Pipeline(parts, tuple(self._clouds.values()), self._finished)
        try:
            await self._compute.prepare(partial(prepared.start, self._controller))
            await pipeline.start()
        except BaseException:
            await pipeline.close()
            self._compute.close()
            raise
        self._pipeline = pipeline
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finishes every frame submitted, then ends the connection.

        Raises:
            Exception: what `on_result` raised.
        """
        if self._pipeline is None or self._compute is None:
            return
        try:
            await self._order.empty()
        finally:
            pipeline, self._pipeline = self._pipeline, None
            await pipeline.close()
            self._compute.close()

    async def submit(self, *inputs: Tree | FrameImage, **named: Tree) -> FrameResult:
        """Runs one frame.

        Args:
            inputs: as the module takes them: arrays or tensors, tuples, lists and dictionaries of these, and the
                numbers of the example inputs. For image models one uint8 [1, 3, H, W], or a source's picture, which is
                decoded when it is needed. In an array bfloat16 comes as its bits, uint16.
            named: those that are given by name.

        Returns:
            Its result, after those of all frames submitted before. Its outputs are nested as the module's: tensors if
            some input is a tensor, else arrays, which carry bfloat16 as its bits and a complex number as two floats, in
            a last dimension of size 2. A dropped or failed frame has none.

        Raises:
            InputError: the inputs do not fit the model.
            AgentClosedError: the agent is not running.
        """
        return await self.put(*inputs, **named)

    def put(self, *inputs: Tree | FrameImage, **named: Tree) -> asyncio.Future[FrameResult]:
        """Like `submit`, but returns a future at once; the order of calls is the order of frames."""
        if self._pipeline is None:
            raise AgentClosedError("the agent is not running; use `async with Agent(...) as agent`")
        arrays = own_inputs(self._model, inputs, named)
        self._report_rate(time.monotonic())
        frame_id, self.next_id = self.next_id, self.next_id + 1
        future = self._order.expect(frame_id)
        if holds_tensors(inputs, named):
            self._want_tensors.add(frame_id)
        self._pipeline.put(frame_id, arrays)
        return future

    @property
    def state(self) -> ControllerState:
        """The current estimates of link and load."""
        if self._controller is None:
            raise AgentClosedError("the agent is not running; use `async with Agent(...) as agent`")
        return self._controller.state(time.monotonic())

    @property
    def cloud_error(self) -> CloudError | None:
        """Why no cloud is in use; None if one is, or none was given."""
        return None if self._pipeline is None else self._pipeline.cloud_error

    def _new_controller(self, edge_profile: Profile, wire_costs: WireCosts, ready: Ready | None) -> Controller:
        config = self._config
        encodings = tuple(encoding.slowed(config.slowdown) for encoding in wire_costs.encodings)
        return SlowedController(
            config.slowdown,
            self._graph,
            edge_seconds(edge_profile.layer_s, config.slowdown),
            rate_hz=config.rate_hz,
            encodings=encodings,
            policy=self._policy,
            packets=None if self._packet_costs is None else self._packet_costs.slowed(config.slowdown),
            ready=ready,
            clouds=max(1, len(self._clouds)),
            rng=random.Random(),  # noqa: S311 # it spreads edges over clouds, and keeps no secret
        )

    def _raw_costs(self) -> WireCosts:
        raw = self._config.model_copy(update={"encodings": "raw", "input_encoding": "raw"})
        return measure_wire_costs(self._model, (self._model.example_inputs,), raw)

    def _report_rate(self, now_s: float) -> None:
        rate_hz = self._rate.arrived(now_s)
        if rate_hz is not None and self._controller is not None:
            self._controller.observe(RateChanged(rate_hz), now_s)

    def _finished(self, result: FrameResult) -> None:
        """Takes a frame's result from the pipeline, and gives tensors to who gave tensors."""
        if result.frame_id in self._want_tensors:
            self._want_tensors.remove(result.frame_id)
            if result.outcome.has_result:
                result = replace(result, outputs=self._as_tensors(result.outputs))
        self._order.finish(result)

    def _as_tensors(self, outputs: Tree) -> Tree:
        from split_model.pytorch.tensors import as_module_returns  # noqa: PLC0415  # torch is there, as the inputs are its

        return as_module_returns(self._model.definition, outputs, self._model.device)

    def _left(self, result: FrameResult) -> None:
        self.metrics.frame(result)
        self.metrics.state(self.state)
        if self._on_result is not None:
            self._on_result(result)
