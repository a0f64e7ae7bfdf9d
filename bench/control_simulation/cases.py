"""What the control simulation tells of one case: every policy's latencies, drops and switches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["MOST_DROPPED", "Case", "Run"]

_POLICIES = ("adaptive", "oracle", "clairvoyant", "best_fixed", "edge_only", "cloud_only")
# An oracle that drops more is overloaded, and latencies of what it did not drop compare nothing.
MOST_DROPPED = 0.01


@dataclass(frozen=True, slots=True)
class Run:
    """One policy on one case. Latencies in seconds, of frames with a result; shares of all frames."""

    mean_s: float
    p50_s: float
    p95_s: float
    dropped: float
    fallback: float
    edge_only: float
    switches_hz: float
    missed: int


@dataclass(frozen=True, slots=True)
class Case:
    """One model, edge and rate on one link.

    Attributes:
        link: The link's name.
        model: The model and the edge's slowdown.
        rate_hz: Frames per second.
        adaptive: The real controller.
        oracle: The best informed policy.
        clairvoyant: The better of the two that know the future.
        knows_rate: By window in seconds: the planner with the true rate.
        best_fixed: The best split in hindsight.
        edge_only: Everything here.
        cloud_only: Everything there.
    """

    link: str
    model: str
    rate_hz: float
    adaptive: Run
    oracle: Run
    clairvoyant: Run
    knows_rate: dict[str, Run]
    best_fixed: Run
    edge_only: Run
    cloud_only: Run

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Returns the case that `dataclasses.asdict` told."""
        runs = {name: Run(**data[name]) for name in _POLICIES}
        knows_rate = {window: Run(**run) for window, run in data["knows_rate"].items()}
        return cls(data["link"], data["model"], data["rate_hz"], knows_rate=knows_rate, **runs)

    @property
    def overloaded(self) -> bool:
        """Whether no informed policy keeps up."""
        return self.oracle.dropped > MOST_DROPPED
