"""What the controller returns: the plan for a frame, and a snapshot of its estimates; and its settings."""

import math
from dataclasses import dataclass, field
from enum import Enum

from edge_service.control.breaker import BreakerConfig, BreakerState
from edge_service.control.probing import ProbeConfig
from partitioner import Partition

_ROUNDING_S = 1e-9  # what is left of a head without layers by rounding


class Mode(Enum):
    """What is minimised: one frame's latency, or latency among the splits that keep up."""

    LIGHT = "light"
    HEAVY = "heavy"


class Phase(Enum):
    """Where a cloud is; the chart is in `clouds/side.py`."""

    ALONE = "alone"
    MEASURING = "measuring"
    OFFLOADING = "offloading"


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """Settings of a `Controller`.

    Attributes:
        headroom: Decide for `rate / headroom`: a stage that is busy all the time never drains its queue.
        hysteresis: Smallest relative gain that is worth a switch, for the default policy.
        mode_dwell_s: While the split stays, the mode follows the decision only after it has differed for this long.
        tolerance: Conditions that moved by less than this since the last decision, relatively, cause no new decision.
        search_interval_s: For drifting conditions, search at most this often, if the model has too many splits to list.
        deadline_factor: For a policy that keeps to its split, the deadline is this many times the predicted upload and
            tail,
        deadline_margin_s: plus this margin for jitter.
        longest_deadline_s: The deadline is at most this long past the prediction, or in all if there is no prediction.
        late_ratio: An upload that takes longer than this many times its prediction lowers the estimate before it ends,
        late_margin_s: after this additional margin for jitter.
        most_in_flight: Limit of `Plan.in_flight`.
        warm_interval_s: Interval of the pings that keep an idle connection out of slow start: shorter than a
            retransmission timeout, which is 0.2 s plus a round trip.
        warm_longest_pause_s: No such pings if frames are further apart than this.
        breaker: Settings of the breaker.
        probe: Settings of probes and pings.
        spare_probe: The same for a cloud that is not in use, once its rate is known.
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
    spare_probe: ProbeConfig = field(
        default_factory=lambda: ProbeConfig(
            interval_s=30.0, quick_interval_s=30.0, longest_interval_s=60.0, ping_interval_s=5.0
        )
    )

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
        max_rate_hz: The highest rate that the best split for it can sustain, with headroom.
        serial: Number of switches so far; frames with the same serial have the same split.
        changed: Whether this split differs from that of the plan before; True once per switch.
        phase: The controller's phase.
        uplink_bps: The estimate that was used; None while unknown.
        deadline_s: Seconds from handing a frame's tensors to the transport until the frame is finished locally.
            Infinite when nothing is sent.
        in_flight: How many frames should be between head and answer so that the slowest stage never waits.
        edge_load: Load factor of the edge in the partition's times.
        cloud_load: Load factor of the cloud in the partition's times.
        measured_bytes: Size of the cut when its encoding was measured, or a frame's packets as believed; 0 if unknown.
        downlink_bps: As `uplink_bps`, for the way down.
        answer_s: The part of the partition's transfer that is the answer's download.
        packets: Whether the frame is sent as packets of its source: the partition has the model's input alone on the
            edge, and its encoding is "packets". Then the edge need not decode the picture.
        picture_s: The part of the partition's edge_s that decoding and preparing the picture takes.
        awaited: The layers on the edge of a better split whose parts are not ready yet, so that this one runs; or None.
        cloud: The cloud that the rest of the frame is sent to, if it is sent: its place among the clouds, from 0.
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
    downlink_bps: float | None = None
    answer_s: float = 0.0
    packets: bool = False
    picture_s: float = 0.0
    awaited: frozenset[str] | None = None
    cloud: int = 0

    @property
    def base_head_s(self) -> float:
        """The time of the head's layers by the profile, at load 1: the prediction for `HeadMeasured`.

        Encoding is left out. For a cut at the inputs it is the whole head, and takes a few milliseconds. A switch
        between threads would then make the edge look several times slower than it is. Decoding the picture is left out
        too: how long it takes depends on what the camera sees.
        """
        layers_s = self.partition.edge_s - self.partition.encode_s - self.picture_s
        return layers_s / self.edge_load if layers_s > _ROUNDING_S else 0.0

    @property
    def base_cloud_s(self) -> float:
        """The tail's time by the profile, at load 1, decoding of tensors included and that of packets left out."""
        decode_s = self.partition.decode_s if self.packets else 0.0
        return (self.partition.cloud_s - decode_s) / self.cloud_load


@dataclass(frozen=True, slots=True)
class CloudState:
    """A snapshot of one cloud; the attributes are those of `ControllerState`, of this cloud.

    Attributes:
        load: How many times slower the cloud is than its profile.
    """

    phase: Phase
    breaker: BreakerState
    retry_at_s: float | None
    lost_reason: str
    uplink_bps: float | None
    uplink_age_s: float
    rtt_s: float | None
    overhead_s: float
    load: float
    downlink_bps: float | None


@dataclass(frozen=True, slots=True)
class ControllerState:
    """A snapshot for metrics and displays; what is said of the cloud is of the one in use.

    Attributes:
        phase: Alone, measuring or offloading.
        breaker: State of the breaker.
        retry_at_s: When the next reconnect may be tried; None while the breaker is closed.
        lost_reason: Why the cloud was last lost; empty if never.
        uplink_bps: Estimated goodput; None while unknown.
        uplink_age_s: Seconds since the last sample; infinite without one.
        rtt_s: Round trip of the path, the recent minimum; None while unknown.
        overhead_s: Cost of a call besides round trip and work.
        edge_load: How many times slower the edge is than its profile.
        cloud_load: How many times slower the cloud is than its profile.
        rate_hz: Rate of frames.
        mode: Mode of the last plan.
        decisions: How often a best split was computed.
        switches: How often the split in use changed.
        table_splits: How many splits the table has that answers decisions; 0 while no table does.
        downlink_bps: Estimated goodput of the way down; None while unknown, as it stays where answers are small.
        cloud: The cloud in use, by its place among the clouds.
        cloud_changes: How often the cloud in use changed.
        clouds: Each cloud.
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
    table_splits: int = 0
    downlink_bps: float | None = None
    cloud: int = 0
    cloud_changes: int = 0
    clouds: tuple[CloudState, ...] = ()
