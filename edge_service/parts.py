"""What a run of an agent is made of: one value in place of as many arguments on the way down to the cloud's link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_service.compute import EdgeCompute
from edge_service.config import AgentConfig
from edge_service.control import Controller
from edge_service.output.metrics import EdgeMetrics
from edge_service.wire_costs import WireCosts
from split_model import Model

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from edge_service.output.tracing import Tracing

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one run.

    Attributes:
        model: the model.
        controller: says how to split each frame.
        compute: the edge's worker thread: runs heads, encodes, and runs tails that the cloud does not answer.
        wire: how what crosses is encoded.
        config: bounds and timeouts.
        metrics: told the split in use, and bytes.
        tracing: makes each frame's trace; None for none.
    """

    model: Model
    controller: Controller
    compute: EdgeCompute
    wire: WireCosts
    config: AgentConfig
    metrics: EdgeMetrics
    tracing: Tracing | None = None
