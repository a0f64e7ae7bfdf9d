"""What a decision depends on, and whether it moved enough to decide again.

The controller sets the estimates, the planner the split in use; a policy sees both.
"""

import math
from dataclasses import dataclass

from edge_service.control.estimators.slow_start import SlowStart
from edge_service.control.plan import Mode, Phase
from partitioner import Link, Partition


@dataclass(frozen=True, slots=True)
class Conditions:
    """The values that a plan is made from.

    Attributes:
        phase: The controller's phase.
        uplink_bps: Estimated goodput; None while unknown.
        fixed_s: Round trip and overhead of a call.
        edge_load: How many times slower the edge is than its profile.
        cloud_load: How many times slower the cloud is than its profile.
        rate_hz: Rate of frames.
        stalled_s: How long the upload under way has taken, if it is late; it is expected to take as long again. Else 0.
        slow_start: Slow start at the beginning of each upload; None if the connection is kept out of it.
        heads_run: Heads that were measured so far, which are those that compute something; a policy can see by it that
            its last choice was used.
        now_s: The time, on the clock of the controller's calls.
        used: The split in use while frames are offloaded, priced at its decision. Else None.
        mode: The mode in use.
        headroom: Largest share of the time that a stage may be busy: decide for `rate_hz / headroom`.
        downlink_bps: Estimated goodput of the way down; None while unknown.
        large_answers: Whether the model's outputs are so large that the way down counts.
        packets: Whether the frame can be sent as packets of its source; then the first layer of the splits stands for
            them, and the model's input comes after it.
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
    downlink_bps: float | None = None
    large_answers: bool = False
    packets: bool = False

    @property
    def link(self) -> Link:
        """The link to price with. An unknown uplink is infinite here, and used only if nothing depends on it.

        Small answers come down in no time. For large ones, an unknown downlink is taken to be as fast as the uplink:
        infinite, it would let the first frame wait for an answer that may take minutes.
        """
        uplink_bps = math.inf if self.uplink_bps is None else self.uplink_bps
        unknown_bps = uplink_bps if self.large_answers else math.inf
        return Link(uplink_bps, unknown_bps if self.downlink_bps is None else self.downlink_bps, self.fixed_s)

    def jumped(self, earlier: "Conditions") -> bool:
        """Whether something changed that is not an estimate."""
        return (
            self.phase is not earlier.phase
            or self.rate_hz != earlier.rate_hz
            or (self.uplink_bps is None) != (earlier.uplink_bps is None)
            or (self.downlink_bps is None) != (earlier.downlink_bps is None)
            or (self.slow_start is None) != (earlier.slow_start is None)
        )

    def moved(self, earlier: "Conditions", tolerance: float) -> bool:
        """Whether any estimate differs by more than `tolerance`, relatively, or `stalled_s` changed."""
        return (
            self.stalled_s != earlier.stalled_s
            or _differ(self.uplink_bps or 0.0, earlier.uplink_bps or 0.0, tolerance)
            or _differ(self.downlink_bps or 0.0, earlier.downlink_bps or 0.0, tolerance)
            or _differ(self.fixed_s, earlier.fixed_s, tolerance)
            or _differ(self.edge_load, earlier.edge_load, tolerance)
            or _differ(self.cloud_load, earlier.cloud_load, tolerance)
            or _differ(_lost_share(self), _lost_share(earlier), tolerance)
        )


def _lost_share(conditions: Conditions) -> float:
    return 0.0 if conditions.slow_start is None else conditions.slow_start.share


def _differ(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) > tolerance * max(one, other)
