"""A frame of the simulation, and how it is run."""

from dataclasses import dataclass

from bench.control_simulation.models import Split
from edge_service.control import Plan


@dataclass(frozen=True, slots=True)
class Choice:
    """How to run a frame: with which split, beside how many others, by which plan.

    Without a plan nothing is observed, and an answer is waited for for ever.
    """

    split: Split
    in_flight: int = 8
    plan: Plan | None = None


@dataclass(slots=True)
class Job:
    frame_id: int
    arrived_s: float
    choice: Choice | None = None
    sent_s: float = 0.0
    server_s: float = 0.0
    done_s: float | None = None
    outcome: str = ""

    @property
    def split(self) -> Split:
        assert self.choice is not None, "the frame has not started"
        return self.choice.split

    @property
    def plan(self) -> Plan:
        assert self.choice is not None, "the frame has not started"
        assert self.choice.plan is not None, "only frames that were planned are observed"
        return self.choice.plan
