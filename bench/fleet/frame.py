"""A frame of the simulation, on its way."""

import math
from dataclasses import dataclass, field

from bench.control_simulation.models import Split
from bench.fleet.replica import Served
from edge_service.control import Plan


@dataclass(slots=True)
class Frame:
    """See the module docstring.

    Attributes:
        number: Counts the frames of its edge.
        arrived_s: When it came.
        plan: How it is run.
        split: The plan's split.
        due_s: When an answer is not awaited any longer.
        timeout_s: How long the cloud may take, from its arrival there.
        served: Its tail in the cloud.
        load: The load factor in its answer.
        tried: Clouds that gave it back.
    """

    number: int
    arrived_s: float
    plan: Plan
    split: Split
    due_s: float = math.inf
    timeout_s: float = math.inf
    served: Served | None = None
    load: float = 1.0
    tried: set[int] = field(default_factory=set)
