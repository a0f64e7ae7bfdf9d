"""A frame of the simulation, and how it is run."""

from dataclasses import dataclass

from bench.control_simulation.models import Split
from edge_service.control import Plan


@dataclass(frozen=True, slots=True)
class Choice:
    """How to run a frame.

    Attributes:
        split: The split.
        in_flight: Most frames between head and result.
        plan: The plan that this is made from; without one an answer is waited for for ever.
    """

    split: Split
    in_flight: int = 8
    plan: Plan | None = None


@dataclass(slots=True)
class Job:
    """A frame on its way."""

    frame_id: int
    arrived_s: float
    choice: Choice | None = None
    sent_s: float = 0.0
    done_s: float | None = None
    outcome: str = ""

    @property
    def split(self) -> Split:
        """The split it runs with."""
        if self.choice is None:
            raise RuntimeError("the frame has not started")
        return self.choice.split

    @property
    def plan(self) -> Plan:
        """The plan it runs with."""
        if self.choice is None or self.choice.plan is None:
            raise RuntimeError("only frames that were planned are observed")
        return self.choice.plan
