"""The edge agent: runs the first layers of a model here, the rest in the cloud, and keeps choosing the split.

`Agent` is all a program needs; `control` holds the pure decision logic, `sources` the frames.
"""

from edge_service.agent import Agent
from edge_service.config import AgentConfig
from edge_service.errors import (
    AgentClosedError,
    CloudError,
    CloudRefusedError,
    CloudUnreachableError,
    EdgeError,
    InputError,
    WrongTwinError,
)
from edge_service.frame import FrameResult, Outcome, StageTimes, cut_label
from edge_service.output.report import RunReport
from edge_service.output.results import frame_record
from edge_service.output.verify import TOLERANCE, Verification, Verifier
from edge_service.run import ClipRun
from edge_service.wire_costs import WireCosts, measure_wire_costs

__all__ = [
    "TOLERANCE",
    "Agent",
    "AgentClosedError",
    "AgentConfig",
    "ClipRun",
    "CloudError",
    "CloudRefusedError",
    "CloudUnreachableError",
    "EdgeError",
    "FrameResult",
    "InputError",
    "Outcome",
    "RunReport",
    "StageTimes",
    "Verification",
    "Verifier",
    "WireCosts",
    "WrongTwinError",
    "cut_label",
    "frame_record",
    "measure_wire_costs",
]
