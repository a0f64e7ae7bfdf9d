"""The parts of an agent's run as one value, so that its constructors take one argument instead of seven."""

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
        controller: plans the split of each frame.
        compute: the edge's worker thread, for heads, encoding, and tails that the cloud does not answer.
        wire: encodings of the layers that cross.
        config: bounds and timeouts.
        metrics: counts the splits in use, and bytes.
        tracing: makes each frame's trace; None if tracing is off.
        clouds: the clouds' names, as their addresses were given.
    """

    model: Model
    controller: Controller
    compute: EdgeCompute
    wire: WireCosts
    config: AgentConfig
    metrics: EdgeMetrics
    tracing: Tracing | None = None
    clouds: tuple[str, ...] = ()

    def cloud_name(self, cloud: int) -> str:
        """The name of a cloud, by its place among the clouds."""
        return self.clouds[cloud] if cloud < len(self.clouds) else f"cloud {cloud}"
