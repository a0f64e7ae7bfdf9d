"""A view of a small made-up model, and frames to tell it."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dads.live import LiveView
from edge_service import FrameResult, Outcome, StageTimes, cut_label
from edge_service.control import BreakerState, ControllerState, Mode, Phase
from edge_service.frame_image import FrameImage
from edge_service.sources.shots import DecodedShot
from partitioner import CostProfile, Layer, LayerGraph, Link, evaluate
from pictures import Picture, Preprocess

GRAPH = LayerGraph(
    (Layer("image", (), 150_528), Layer("conv", ("image",), 64_000), Layer("logits", ("conv",), 4_000)), ("logits",)
)
COSTS = CostProfile((0.0, 0.2, 0.08), (0.0, 0.02, 0.01))
LINK = Link(8e6, fixed_s=0.01)
STATE = ControllerState(
    phase=Phase.OFFLOADING,
    breaker=BreakerState.CLOSED,
    retry_at_s=None,
    lost_reason="",
    uplink_bps=8e6,
    uplink_age_s=0.5,
    rtt_s=0.012,
    overhead_s=0.0,
    edge_load=1.25,
    cloud_load=1.0,
    rate_hz=5.0,
    mode=Mode.LIGHT,
    decisions=1,
    switches=0,
)


@pytest.fixture
def live():
    """The parts, and `told(view, edge, ...)`: tells a view the end of a frame."""

    def told(
        view,
        edge=("image",),
        outcome=Outcome.OFFLOADED,
        *,
        tail_s=0.04,
        label="cat",
        state=STATE,
        pixels=None,
        **changes,
    ):
        split = None if edge is None else evaluate(GRAPH, COSTS, LINK, frozenset(edge))
        result = FrameResult(
            view.snapshot().version,
            outcome,
            partition=split,
            mode=None if split is None else "light",
            keeps_up=None if split is None else True,
            max_rate_hz=None if split is None else 12.0,
            latency_s=0.25,
            times=StageTimes(transfer_s=0.15, tail_s=tail_s),
        )
        result = replace(result, **changes)
        record = {
            "frame": result.frame_id,
            "outcome": outcome.value,
            "mode": result.mode,
            "cut": None if split is None else list(split.cut),
            "encoding": None if split is None or not split.cut else split.encoding,
            "cut_label": None if split is None else cut_label(split),
            "switched": result.switched,
            "latency_s": result.latency_s if outcome.has_result else None,
            "predicted_s": dict(result.predicted()),
            "measured_s": {} if split is None else dict(result.measured()),
        }
        if outcome.has_result:
            record["top"] = [{"index": 0, "label": label, "score": 0.9}]
        if result.error is not None:
            record["error"] = result.error
        view.saw(record, result, state, pixels)

    def view(model="zoo:made_up"):
        return LiveView(model, GRAPH, "adaptive")

    def pixels(grey, width=640, height=480):
        image = Image.fromarray(np.full((height, width, 3), grey, np.uint8))
        return FrameImage(DecodedShot(Picture(image)), Preprocess(), 8, 8)

    return SimpleNamespace(graph=GRAPH, view=view, pixels=pixels, told=told, state=STATE, never_s=math.inf)
