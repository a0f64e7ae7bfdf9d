"""The edge agent: runs the first layers of a model here, the rest in the cloud, and keeps choosing the split.

A program needs only `Agent`. In reading order:

* `agent`, `config`, `frame`: the library's interface: frames in, results out;
* `pipeline/`: head, transfer and tail over consecutive frames; `compute`: the worker thread of heads and tails;
  `slowing`: how a slow edge is imitated;
* `control/`: the decision logic, without I/O;
* `cloud/`: one cloud, as the agent uses it;
* `wire_costs`: bytes and seconds of each encoding of each layer's value;
* `sources/`, `run`: where frames come from; `output/`: results, reports, verification, metrics and traces.
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
