"""The edge's end of the benchmark: a child process that runs sessions over the clip, each with one way to send."""

import asyncio
from dataclasses import dataclass
from typing import Any

import torch

import split_model
from bench.child import Parent
from dads.planning import encodings
from dads.session.session import EdgeSession, StreamOptions
from edge_service import AgentConfig, WireCosts
from edge_service.control.policies import policy_named
from split_wire import Encoding

MODEL = "zoo:efficientnet_lite0"
CLIP = "sample:bikes"
WAYS = ("zstd", "pictures", "packets")
_BEFORE = frozenset({Encoding.RAW.value, Encoding.ZSTD.value})


@dataclass(frozen=True, slots=True)
class ClipRun:
    """Frames of the clip through one session, everything in the cloud.

    Attributes:
        way: `zstd`: what there was before; `pictures`: lossless pictures too; `packets`: the clip's packets too.
        cloud: "HOST:PORT".
        rate_hz: Frames per second.
        frames: How many.
        slowdown: The edge's.
        verify: Whether to compare every result with the whole model.
    """

    way: str
    cloud: str
    rate_hz: float
    frames: int
    slowdown: float
    verify: bool = False


async def serve(parent: Parent) -> None:
    torch.set_num_threads(1)
    model = split_model.load(MODEL)
    profile = split_model.profile(model, repeats=5, warmup=2)
    read = encodings.inputs_of(model, encodings.first_frames(model, CLIP))
    measured = encodings.measure(model, await read, AgentConfig())
    parent.tell("ready")
    while True:
        run = ClipRun(**await parent.hear())
        parent.tell(await _ran(run, model, profile, measured))


async def _ran(run: ClipRun, model: split_model.Model, profile: split_model.Profile, wire: WireCosts) -> dict[str, Any]:
    if run.way == "zstd":
        before = tuple(encoding for encoding in wire.encodings if encoding.name in _BEFORE)
        wire = WireCosts(before, wire.inputs, wire.input_encoding)
    config = AgentConfig(
        rate_hz=run.rate_hz,
        slowdown=run.slowdown,
        packets="auto" if run.way == "packets" else "off",
        require_cloud=True,
        keep_inputs=run.verify,
        connect_timeout_s=60.0,
    )
    session = EdgeSession(
        model,
        run.cloud,
        config,
        StreamOptions(CLIP, run.rate_hz, run.frames, loop=False),
        edge_profile=profile,
        wire_costs=wire,
        verify=run.verify,
        metrics_port=None,
        shows_table=False,
    )
    report = await session.run([policy_named("cloud_only", model.graph, model.places)], None)
    await asyncio.sleep(0)
    return {name: report[name] for name in ("frames", "encodings", "latency_s", "sent_bytes", "throughput_hz")} | {
        "verify": report.get("verify")
    }
