"""What the controller answers: the plan for a frame, and a snapshot of what it knows."""

import math
from dataclasses import dataclass, field
from enum import Enum

from edge_service.control.breaker import BreakerConfig, BreakerState
from edge_service.control.probing import ProbeConfig
from partitioner import Partition


class Mode(Enum):
    """What is minimised: one frame's latency, or latency among the splits that keep up."""

    LIGHT = "light"
    HEAVY = "heavy"


class Phase(Enum):
    """Where the controller is; the chart is in `controller.py`."""

    ALONE = "alone"
    MEASURING = "measuring"
    OFFLOADING = "offloading"


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """Settings of a `Controller`.

    Attributes:
        headroom: A stage busy all the time never drains a queue; decide for `rate / headroom`.
        hysteresis: Smallest relative gain that is worth a switch, for the policy that is there without another.
        mode_dwell_s: The other mode must have been decided for this long before the mode follows without a switch.
        tolerance: Conditions that moved by less than this since the last decision are not decided again.
        search_interval_s: Where the model has too many splits to list, search at most this often for drifting
            conditions.
        deadline_factor: Where finishing locally is no choice, a frame is given up after this many times its predicted
            upload and tail.
        deadline_margin_s: And this much more, for jitter.
        longest_deadline_s: No frame is waited for longer than this past its prediction, or without one.
        late_ratio: An upload that takes longer than this many times its prediction lowers the estimate before it ends.
        late_margin_s: And this much more, for jitter.
        most_in_flight: Limit of `Plan.in_flight`.
        warm_interval_s: Keep an idle connection out of slow start by a small call this often: more often than a
            retransmission timeout, which is 0.2 s and a round trip.
        warm_longest_pause_s: But not between frames that are further apart.
        breaker: Settings of the breaker.
        probe: Settings of probes and pings.
    """

    headroom: float = 0.9
    hysteresis: float = 0.10
    mode_dwell_s: float = 1.0
    tolerance: float = 0.005
    search_interval_s: float = 2.0
    deadline_factor: float = 3.0
    deadline_margin_s: float = 0.25
    longest_deadline_s: float = 60.0
    late_ratio: float = 1.5
    late_margin_s: float = 0.05
    most_in_flight: int = 16
    warm_interval_s: float = 0.1
    warm_longest_pause_s: float = 20.0
    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    probe: ProbeConfig = field(default_factory=ProbeConfig)

    def __post_init__(self) -> None:
        if not 0.0 < self.headroom <= 1.0:
            raise ValueError(f"headroom must be in (0, 1], not {self.headroom}")
        if not 0.0 <= self.hysteresis < 1.0:
            raise ValueError(f"hysteresis must be in [0, 1), not {self.hysteresis}")
        if not (self.deadline_factor >= 1.0 and 0.0 < self.deadline_margin_s < self.longest_deadline_s < math.inf):
            raise ValueError(
                "deadlines need deadline_factor >= 1 and 0 < deadline_margin_s < longest_deadline_s, "
                f"not {self.deadline_factor}, {self.deadline_margin_s}, {self.longest_deadline_s}"
            )
        if self.most_in_flight < 1:
            raise ValueError(f"most_in_flight must be at least 1, not {self.most_in_flight}")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run a frame.

    Attributes:
        partition: The split, with its predicted times at the conditions of the decision.
        mode: Light or heavy.
        keeps_up: Whether the split's bottleneck is below the period of the frames.
        max_rate_hz: The highest rate that could be sustained, with headroom, by the best split for that.
        serial: Goes up by one with each switch; frames with the same serial have the same split.
        changed: Whether this split differs from the plan before; True once per switch.
        phase: The controller's phase.
        uplink_bps: The estimate that was used; None while unknown.
        deadline_s: Seconds from handing a frame's tensors to the transport until it is finished locally instead.
            Infinite when nothing is sent.
        in_flight: How many frames should be under way between head and answer so that the slowest stage never waits.
        edge_load: Load factor of the edge that the partition's times include.
        cloud_load: Likewise of the cloud.
        measured_bytes: What the cut took in its encoding when that was measured; 0 where it was not.
    """

    partition: Partition
    mode: Mode
    keeps_up: bool
    max_rate_hz: float
    serial: int
    changed: bool
    phase: Phase
    uplink_bps: float | None
    deadline_s: float
    in_flight: int
    edge_load: float
    cloud_load: float
    measured_bytes: float = 0.0

    @property
    def base_head_s(self) -> float:
        """The head's time by the profile alone: what `HeadMeasured` wants as its prediction.

        Without encoding: where a cut is at the inputs that is all there is, and a few milliseconds of it, off by
        a hop between threads, would say that the edge is several times slower than it is.
        """
        return (self.partition.edge_s - self.partition.encode_s) / self.edge_load

    @property
    def base_cloud_s(self) -> float:
        """The tail's time, decoding included, by the profile alone."""
        return self.partition.cloud_s / self.cloud_load


@dataclass(frozen=True, slots=True)
class ControllerState:
    """A snapshot for metrics and displays.

    Attributes:
        phase: Alone, measuring or offloading.
        breaker: State of the breaker.
        retry_at_s: When the next reconnect may be tried; None while the breaker is closed.
        lost_reason: Why the cloud was lost the last time; empty if never.
        uplink_bps: Estimated goodput; None while unknown.
        uplink_age_s: Seconds since the last sample; infinite without one.
        rtt_s: Round trip of the path, the recent minimum; None while unknown.
        overhead_s: Cost of a call besides round trip and work.
        edge_load: Times slower than the profile says.
        cloud_load: Likewise.
        rate_hz: Rate of frames.
        mode: Mode of the last plan.
        decisions: How often a best split was computed.
        switches: How often the split in use changed.
    """

    phase: Phase
    breaker: BreakerState
    retry_at_s: float | None
    lost_reason: str
    uplink_bps: float | None
    uplink_age_s: float
    rtt_s: float | None
    overhead_s: float
    edge_load: float
    cloud_load: float
    rate_hz: float
    mode: Mode
    decisions: int
    switches: int
