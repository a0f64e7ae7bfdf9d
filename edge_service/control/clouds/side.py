"""One cloud as the controller sees it: its path, load and breaker, when it is measured, and the plans made for it.

              CloudProfiled                  UplinkMeasured
    ALONE ───────────────────────► MEASURING ───────────────► OFFLOADING
      ▲ ▲   breaker closed, no         │     a rate is known       │
      │ │   rate known: edge-only,     │                           │  every split is open,
      │ │   probe                      │                           │  edge-only included
      │ └──────────────────────────────┘                           │
      └────────────────────────────────────────────────────────────┘
        CloudLost, or failures in a row: the breaker opens, the rate is forgotten; edge-only, reconnect with backoff.
        CloudAnswered closes it again; so does a heartbeat, once the wait is over.
        CloudBusy opens it too, for as long as the cloud asked: the rate stays known, and a heartbeat closes it.

With a policy that uses no cloud it stays in ALONE and makes no calls. With a policy that needs no rate it goes from
ALONE to OFFLOADING.

A cloud that is not in use is measured rarely: each probe costs the link, which all clouds mostly share.
"""

import math
from dataclasses import dataclass, replace

from edge_service.control.breaker import Breaker, BreakerState
from edge_service.control.conditions import Conditions
from edge_service.control.estimators.path import NetworkPath
from edge_service.control.estimators.queue import QueueEstimator
from edge_service.control.estimators.replicas import Replicas
from edge_service.control.estimators.slow_start import INITIAL_WINDOW_BYTES
from edge_service.control.events import (
    AnswerMissed,
    CloudAnswered,
    CloudBusy,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    ConnectionReplaced,
    DownlinkAtLeast,
    DownlinkMeasured,
    DownloadStalled,
    Event,
    HeartbeatsResumed,
    OverheadMeasured,
    ReplicaAnswers,
    RoundTripMeasured,
    SplitImpossible,
    TailMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from edge_service.control.plan import CloudState, ControllerConfig, Phase, Plan
from edge_service.control.planner import Planner
from edge_service.control.policies.policy import Policy
from edge_service.control.probing import ProbeScheduler


@dataclass(frozen=True, slots=True)
class EdgeSide:
    """What the edge itself adds to the conditions of every cloud.

    Attributes:
        load: How many times slower the edge is than its profile.
        rate_hz: Rate of frames.
        heads_run: Heads that were measured so far.
    """

    load: float
    rate_hz: float
    heads_run: int


class CloudSide:
    """See the module docstring.

    Args:
        planner: Plans frames for this cloud.
        config: Settings.
        policy: What chooses splits; it says whether a cloud and a rate are needed.
        large_answers: Whether the model's outputs are so large that the way down counts.

    Attributes:
        planner: As the argument.
        is_doubted: Whether an answer was missed and nothing was heard of the cloud since.
    """

    def __init__(self, planner: Planner, config: ControllerConfig, policy: Policy, *, large_answers: bool) -> None:
        self.planner = planner
        self._config = config
        self._policy = policy
        self._path = NetworkPath(late_ratio=config.late_ratio, late_margin_s=config.late_margin_s)
        self._replicas = Replicas()
        self._queue = QueueEstimator()
        self._probes = ProbeScheduler(config.probe)
        self._spare_probes = ProbeScheduler(config.spare_probe)
        self._down_probes = ProbeScheduler(config.probe)
        self._large_answers = large_answers
        self._breaker = Breaker(config.breaker)
        self._breaker.expect(-math.inf)
        self._lost_reason = ""
        self.is_doubted = False

    @property
    def phase(self) -> Phase:
        """Whether frames can be sent to it."""
        usable = self.planner.cloud_known and self._breaker.state is BreakerState.CLOSED
        if not self._policy.uses_cloud or not usable:
            return Phase.ALONE
        if self._policy.needs_uplink and self._path.uplink.bps is None:
            return Phase.MEASURING
        return Phase.OFFLOADING

    @property
    def rtt_s(self) -> float:
        """Round trip of the path, the recent minimum; 0 while unknown."""
        return self._path.rtt_s

    def load(self, now_s: float) -> float:
        """How many times slower the cloud is than its table says."""
        return self._replicas.load_factor(now_s)

    def queue_s(self, now_s: float) -> float:
        """How long our own tails wait there; 0 while none is measured: then the load that the cloud tells has it."""
        return self._queue.seconds(now_s)

    def observe(self, event: Event, now_s: float) -> None:
        """Takes one event of this cloud; others are ignored.

        Raises:
            PartitionError: For a profile that does not fit the graph.
        """
        match event:
            case (
                UplinkMeasured()
                | UplinkAtLeast()
                | UploadLate()
                | DownlinkMeasured()
                | DownlinkAtLeast()
                | RoundTripMeasured()
            ):
                self._path.observe(event, now_s)
            case OverheadMeasured():
                self._replicas.observe(event, now_s)
            case TailMeasured() | CloudLoadReported():
                self._worked(event, now_s)
            case CloudProfiled() | ReplicaAnswers() | ConnectionReplaced():
                self._replica_seen(event, now_s)
            case CloudAnswered():
                self._answered(now_s)
            case AnswerMissed():
                self._missed(now_s)
            case UploadStalled(size, seconds):
                self._path.uplink.at_most(size, seconds, now_s)
                self._missed(now_s)
            case DownloadStalled(size, seconds):
                self._path.downlink.at_most(size, seconds, now_s)
                self._missed(now_s)
            case SplitImpossible():
                self.planner.forbid(event)
            case _:
                self._interrupted(event, now_s)

    def plan(self, edge: EdgeSide, now_s: float, *, packets: bool) -> Plan:
        """How to run a frame with this cloud."""
        return self.planner.plan(self._conditions(edge, now_s, packets=packets), now_s)

    def rest_of(self, plan: Plan, edge: EdgeSide, now_s: float, *, packets: bool) -> Plan | None:
        """How to run the rest of a frame whose head has run, or that was sent as packets; None if it cannot now.

        Args:
            plan: How it was planned for another cloud.
            edge: What the edge adds to the conditions.
            now_s: The time.
            packets: Whether to send it as packets to this cloud too; otherwise its picture is decoded first.
        """
        if self.phase is not Phase.OFFLOADING:
            return None
        conditions = self._conditions(edge, now_s, packets=packets)
        return self.planner.rest_of(plan, replace(conditions, now_s=now_s, headroom=self._config.headroom))

    def is_measured(self, now_s: float, within_s: float) -> bool:
        """Whether its rate was measured in the last seconds, or need not be known."""
        return not self._policy.needs_uplink or self._path.uplink.age_s(now_s) <= within_s

    def probe_due(self, now_s: float, rate_hz: float, *, spare: bool = False, rest_s: float = 0.0) -> int | None:
        """Bytes of a probe to send now, or None.

        Args:
            now_s: The time.
            rate_hz: Rate of frames.
            spare: Whether the cloud is neither in use nor about to be.
            rest_s: A rate that is younger suffices.
        """
        if not self._policy.needs_uplink or self.phase is Phase.ALONE or self._path.uplink.age_s(now_s) < rest_s:
            return None
        # What a spare cloud lacks is a rate of about now, not an exact one.
        known = spare and self._path.uplink.bps is not None
        return (self._spare_probes if known else self._probes).probe_due(
            now_s,
            uplink_bps=self._path.uplink.bps,
            highest_bps=self._path.uplink.highest_bps,
            age_s=self._path.uplink.age_s(now_s),
            unconfirmed=self._path.unsure and not known,
            untimed=self._path.probes_untimed,
            slow_start_rtt_s=self._path.rtt_s if self._path.slow_starts(now_s) else 0.0,
            pause_s=1.0 / rate_hz,
        )

    def down_probe_due(self, now_s: float, rate_hz: float, *, spare: bool = False, rest_s: float = 0.0) -> int | None:
        """Bytes of a probe of the downlink to send now, or None, as for `probe_due`; only for large answers."""
        if not (self._large_answers and self._policy.needs_uplink) or self.phase is Phase.ALONE:
            return None
        downlink = self._path.downlink
        if downlink.age_s(now_s) < rest_s:
            return None
        if spare and downlink.age_s(now_s) < self._config.spare_probe.interval_s:
            return None
        return self._down_probes.probe_due(
            now_s,
            uplink_bps=downlink.bps,
            highest_bps=downlink.highest_bps,
            age_s=downlink.age_s(now_s),
            unconfirmed=downlink.unconfirmed or downlink.rests_on_one,
            slow_start_rtt_s=self._path.rtt_s if self._path.downlink_slow_starts(now_s) else 0.0,
            pause_s=1.0 / rate_hz,
        )

    def ping_due(self, now_s: float, rate_hz: float, *, spare: bool = False, rest_s: float = 0.0) -> bool:
        """Whether to measure the round trip now, with a call of about 1 kB on the connection that carries frames.

        On a link with a large bandwidth-delay product, pings are frequent enough to keep the connection out of slow
        start. Slow start would make the next upload 2 to 3 times slower than predicted, and a probe would measure a
        rate that is too low by as much. A spare cloud's connection is not kept out of it.
        """
        if self.phase is Phase.ALONE or self._path.round_trip.age_s(now_s) < rest_s:
            return False
        if spare and self._path.round_trip.minimum_s is not None:
            return self._spare_probes.ping_due(now_s, age_s=self._path.round_trip.age_s(now_s))
        interval_s = self._config.warm_interval_s if self._keeps_warm(now_s, rate_hz) else None
        return self._probes.ping_due(now_s, age_s=self._path.round_trip.age_s(now_s), interval_s=interval_s)

    def profile_due(self, now_s: float) -> bool:
        """Whether to ask for a profile now: another replica answers frames than the one that sent the last."""
        return self.phase is not Phase.ALONE and self._replicas.profile_due(now_s)

    def slow_starts(self, now_s: float) -> bool:
        """Whether an upload that begins now starts with a window smaller than the link needs."""
        return self._path.slow_starts(now_s)

    def downlink_slow_starts(self, now_s: float) -> bool:
        """The same for a download."""
        return self._path.downlink_slow_starts(now_s)

    def reconnect_due(self, now_s: float) -> bool:
        """Whether to try to reach the cloud now.

        Report the outcome: `CloudProfiled` or `CloudAnswered` for success, `CloudLost` or `AnswerMissed` for failure.
        """
        if not self._policy.uses_cloud or self._breaker.state is BreakerState.CLOSED:
            return False
        return self._breaker.allows(now_s)

    def state(self, now_s: float) -> CloudState:
        """A snapshot for metrics and displays."""
        return CloudState(
            phase=self.phase,
            breaker=self._breaker.state,
            retry_at_s=self._breaker.retry_at_s,
            lost_reason=self._lost_reason,
            uplink_bps=self._path.uplink.bps,
            uplink_age_s=self._path.uplink.age_s(now_s),
            rtt_s=self._path.round_trip.minimum_s,
            overhead_s=self._replicas.overhead_s(now_s),
            load=self._replicas.load_factor(now_s),
            downlink_bps=self._path.downlink.bps,
            replicas=self._replicas.seen(now_s),
        )

    def _conditions(self, edge: EdgeSide, now_s: float, *, packets: bool) -> Conditions:
        return Conditions(
            phase=self.phase,
            uplink_bps=self._path.uplink.bps,
            fixed_s=self._path.rtt_s + self._replicas.overhead_s(now_s),
            edge_load=edge.load,
            cloud_load=self._replicas.load_factor(now_s),
            rate_hz=edge.rate_hz,
            stalled_s=self._path.stalled_s,
            slow_start=self._path.slow_start() if self._are_rare(edge.rate_hz) else None,
            heads_run=edge.heads_run,
            downlink_bps=self._path.downlink.bps,
            large_answers=self._large_answers,
            packets=packets,
        )

    def _interrupted(self, event: Event, now_s: float) -> None:
        match event:
            case CloudBusy(retry_after_s):
                self._path.stalled_s = 0.0
                self._breaker.hold(now_s, retry_after_s)
            case CloudLost(reason, retry_after_s):
                self._lost_reason = reason
                self._path.stalled_s = 0.0
                self._breaker.trip(now_s, asked_s=retry_after_s)
                self._path.forget()
            case HeartbeatsResumed():
                self._path.stalled_s = 0.0
                self._path.doubt()
                self._restart_probes()

    def _worked(self, event: TailMeasured | CloudLoadReported, now_s: float) -> None:
        self._replicas.observe(event, now_s)
        if isinstance(event, TailMeasured):
            self._queue.add(event.queue_s, now_s)
            return
        self.is_doubted = False
        if self._breaker.resume(now_s) and self._path.uplink.bps is None:
            # Frames went unanswered, but heartbeats arrive: the connection is there, so only measure the rate again.
            self._restart_probes()

    def _replica_seen(self, event: CloudProfiled | ReplicaAnswers | ConnectionReplaced, now_s: float) -> None:
        if isinstance(event, ConnectionReplaced):
            self._path.reconnected()
            return
        if isinstance(event, CloudProfiled):
            self.planner.check(event.cloud_s)
        self._replicas.observe(event, now_s)
        self._path.round_trip = self._replicas.round_trip
        table, profile = self._replicas.table, self._replicas.profile
        if table is not None and profile is not None:
            self.planner.cloud_profiled(table.cloud_s, table.decode_s, takes_packets=profile.takes_packets)
        if isinstance(event, CloudProfiled) and not event.again:
            self._path.reconnected()
            self._answered(now_s)

    def _answered(self, now_s: float) -> None:
        self._path.stalled_s = 0.0
        self.is_doubted = False
        if self._breaker.state is not BreakerState.CLOSED:
            self._restart_probes()
        self._breaker.succeeded(now_s)

    def _missed(self, now_s: float) -> None:
        self._path.stalled_s = 0.0
        self.is_doubted = True
        self._breaker.failed(now_s)
        if self._breaker.state is not BreakerState.CLOSED:
            self._lost_reason = self._lost_reason or "no answers"
            self._path.forget()

    def _restart_probes(self) -> None:
        self._probes.restart()
        self._spare_probes.restart()
        self._down_probes.restart()

    def _keeps_warm(self, now_s: float, rate_hz: float) -> bool:
        idle = self._path.idle_s(now_s) >= self._config.warm_interval_s
        return idle and not self._are_rare(rate_hz) and self._path.needed_bytes > INITIAL_WINDOW_BYTES

    def _are_rare(self, rate_hz: float) -> bool:
        """Whether frames are so rare that pings to avoid slow start would cost more than they save."""
        return rate_hz * self._config.warm_longest_pause_s < 1.0


def rest_s(plan: Plan, *, decoded: bool = True) -> float:
    """How long the rest of a frame takes, from its sending on; before that, its picture may have to be decoded."""
    split = plan.partition
    return split.transfer_s + split.fixed_s + split.cloud_s + (0.0 if decoded or plan.packets else split.edge_s)
