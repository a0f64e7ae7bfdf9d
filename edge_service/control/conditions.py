"""What a decision depends on, and whether it moved enough to decide again.

The controller fills in what it observed, the planner what it knows of the split in use; a policy sees both.
"""

import math
from dataclasses import dataclass

from edge_service.control.estimators.slow_start import SlowStart
from edge_service.control.plan import Mode, Phase
from partitioner import Link, Partition


@dataclass(frozen=True, slots=True)
class Conditions:
    """The numbers a plan is made from.

    Attributes:
        phase: The controller's phase.
        uplink_bps: Estimated goodput; None while unknown.
        fixed_s: Round trip and overhead of a call.
        edge_load: Times slower than the profile.
        cloud_load: Likewise.
        rate_hz: Rate of frames.
        stalled_s: How long the upload under way has taken, if it is late: as long again must be expected. Else 0.
        slow_start: What each upload begins with; None where the connection is kept out of it.
        heads_run: Heads that have run so far: a policy can tell from it that its last choice was used.
        now_s: The time, on the clock of the controller's calls.
        used: The split in use while frames are offloaded, at the prices of the decision that took it. Else None.
        mode: The mode in use.
        headroom: Largest share of the time that a stage may be busy: decide for `rate_hz / headroom`.
    """

    phase: Phase
    uplink_bps: float | None
    fixed_s: float
    edge_load: float
    cloud_load: float
    rate_hz: float
    stalled_s: float = 0.0
    slow_start: SlowStart | None = None
    heads_run: int = 0
    now_s: float = 0.0
    used: Partition | None = None
    mode: Mode = Mode.LIGHT
    headroom: float = 0.9

    @property
    def link(self) -> Link:
        """The link to price with; an unknown rate is priced as infinite and only used where nothing depends on it."""
        return Link(uplink_bps=math.inf if self.uplink_bps is None else self.uplink_bps, fixed_s=self.fixed_s)

    def jumped(self, earlier: "Conditions") -> bool:
        """Whether something changed that is not an estimate."""
        return (
            self.phase is not earlier.phase
            or self.rate_hz != earlier.rate_hz
            or (self.uplink_bps is None) != (earlier.uplink_bps is None)
            or (self.slow_start is None) != (earlier.slow_start is None)
        )

    def moved(self, earlier: "Conditions", tolerance: float) -> bool:
        """Whether any estimate differs by more than `tolerance`, relatively, or the upload under way is late."""
        return (
            self.stalled_s != earlier.stalled_s
            or _differ(self.uplink_bps or 0.0, earlier.uplink_bps or 0.0, tolerance)
            or _differ(self.fixed_s, earlier.fixed_s, tolerance)
            or _differ(self.edge_load, earlier.edge_load, tolerance)
            or _differ(self.cloud_load, earlier.cloud_load, tolerance)
            or _differ(_lost_share(self), _lost_share(earlier), tolerance)
        )


def _lost_share(conditions: Conditions) -> float:
    return 0.0 if conditions.slow_start is None else conditions.slow_start.share


def _differ(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) > tolerance * max(one, other)
