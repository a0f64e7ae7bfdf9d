"""The state machine of the decision: takes events, and returns plans, probes, pings and reconnects.

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

Laws:

- time is an argument of every call and never goes back;
- `plan` is called for every frame, decides only when something moved, and never waits: `work_due` returns a search or
  the pricing or building of a table that is due, to run on another thread;
- the split in a plan is closed and holds the model's inputs, and names layers of the model, whatever was observed;
- where parts take time to prepare, a ready split is planned if there is one, unless the policy keeps to its own;
- a positive answer of `probe_due`, `ping_due`, `profile_due`, `reconnect_due` or `work_due` counts as acted upon.
"""

import math

from edge_service.control.breaker import Breaker, BreakerState
from edge_service.control.conditions import Conditions
from edge_service.control.estimators.encoding_costs import EncodingCosts
from edge_service.control.estimators.load import LoadEstimator
from edge_service.control.estimators.packet_costs import PacketCosts
from edge_service.control.estimators.path import NetworkPath
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
    CutEncoded,
    DownlinkAtLeast,
    DownlinkMeasured,
    DownloadStalled,
    Event,
    HeadMeasured,
    HeartbeatsResumed,
    OverheadMeasured,
    PacketsEvent,
    RateChanged,
    ReplicaAnswers,
    RoundTripMeasured,
    SplitImpossible,
    TailMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from edge_service.control.plan import ControllerConfig, ControllerState, Phase, Plan
from edge_service.control.planner import Planner
from edge_service.control.policies.adaptive import Adaptive
from edge_service.control.policies.policy import Policy
from edge_service.control.pricing import large_answers
from edge_service.control.probing import ProbeScheduler
from edge_service.control.readiness import Choosable, Job, Ready
from partitioner import LayerGraph, Partition
from partitioner.splits import Splits


class Controller:
    """See the module docstring.

    Args:
        graph: The model.
        edge_s: Seconds of each layer on the edge, in graph order.
        config: Settings.
        rate_hz: Rate of frames until `RateChanged` says otherwise.
        encodings: Encodings to choose from, as measured on the edge, the default first; if empty, only raw.
        policy: Chooses the split; `Adaptive` by default.
        packets: The source's packets, if it has any that hold the model's input; its seconds those of this edge.
        ready: Whether a split can run without waiting for its parts to be prepared; None if none needs that.

    Raises:
        PartitionError: If the times do not fit the graph, or the packets hold no input of the model.
        ValueError: If the rate is not positive and finite.
    """

    def __init__(
        self,
        graph: LayerGraph,
        edge_s: tuple[float, ...],
        config: ControllerConfig | None = None,
        rate_hz: float = 1.0,
        encodings: tuple[EncodingCosts, ...] = (),
        policy: Policy | None = None,
        packets: PacketCosts | None = None,
        ready: Ready | None = None,
    ) -> None:
        self._config = config or ControllerConfig()
        self._policy: Policy = Adaptive(self._config.hysteresis) if policy is None else policy
        self._rate_hz = _checked_rate(rate_hz)
        self._planner = Planner(graph, edge_s, self._config, encodings, self._policy, packets, ready)
        self._path = NetworkPath(late_ratio=self._config.late_ratio, late_margin_s=self._config.late_margin_s)
        self._edge_load = LoadEstimator()
        self._replicas = Replicas()
        self._probes = ProbeScheduler(self._config.probe)
        self._down_probes = ProbeScheduler(self._config.probe)
        self._large_answers = large_answers(graph)
        self._breaker = Breaker(self._config.breaker)
        self._breaker.expect(-math.inf)
        self._lost_reason = ""
        self._heads_run = 0

    def observe(self, event: Event, now_s: float) -> None:
        """Takes one event, observed at `now_s`.

        Raises:
            PartitionError: For a profile that does not fit the graph.
            ValueError: For a rate that is not positive and finite.
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
            case HeadMeasured(predicted_s, measured_s):
                self._heads_run += 1
                self._edge_load.add(predicted_s, measured_s, now_s)
            case TailMeasured() | CloudLoadReported():
                self._cloud_worked(event, now_s)
            case CutEncoded(encoding, measured_bytes, sent_bytes):
                self._planner.cut_encoded(encoding, measured_bytes, sent_bytes)
            case RateChanged(rate_hz):
                self._rate_hz = _checked_rate(rate_hz)
            case _ if isinstance(event, PacketsEvent):
                loads = self._edge_load.factor(now_s), self._replicas.load_factor(now_s)
                self._planner.packets_seen(event, *loads, now_s)
            case _:
                self._cloud_seen(event, now_s)

    @property
    def packets_usable(self) -> bool:
        """Whether frames can be sent as packets: the source has them, and the cloud takes them and has not refused."""
        return self._planner.packets_usable

    def plan(self, now_s: float, *, packets_ready: bool = False) -> Plan:
        """How to run a frame that starts now. It takes microseconds unless something moved since the last call.

        Args:
            now_s: The time.
            packets_ready: Whether the frame's packets can be sent: none before them is missing in the cloud.
        """
        return self._planner.plan(self._conditions(now_s, packets=packets_ready), now_s)

    def work_due(self, now_s: float) -> Job | None:
        """The job to run now on another thread, or None. It is for models with too many splits to price at once.

        Until `work_ended` was called for it, the next calls return None.
        """
        return self._planner.work_due(now_s)

    def work_ended(self, job: Job, result: Splits | Partition | Choosable | None, now_s: float) -> None:
        """Takes the result of a job, None if it failed; a job that is not the last one begun is ignored."""
        self._planner.work_ended(job, result, now_s)

    def preparation_due(self) -> tuple[frozenset[str], ...] | None:
        """The splits whose parts to prepare, and keep, in this order, if that has changed since the last call.

        Ask before the first plan, when the first split is what the first frame needs, and after each plan.
        """
        return self._planner.preparation_due()

    def probe_due(self, now_s: float) -> int | None:
        """Bytes of a probe to send now, or None. The next calls return None until the next probe is due."""
        if not self._policy.needs_uplink or self._phase() is Phase.ALONE:
            return None
        return self._probes.probe_due(
            now_s,
            uplink_bps=self._path.uplink.bps,
            highest_bps=self._path.uplink.highest_bps,
            age_s=self._path.uplink.age_s(now_s),
            unconfirmed=self._path.unsure,
            untimed=self._path.probes_untimed,
            slow_start_rtt_s=self._path.rtt_s if self._path.slow_starts(now_s) else 0.0,
            pause_s=1.0 / self._rate_hz,
        )

    def down_probe_due(self, now_s: float) -> int | None:
        """Bytes of a probe of the downlink to send now, or None, as for `probe_due`; only for large answers."""
        if not (self._large_answers and self._policy.needs_uplink) or self._phase() is Phase.ALONE:
            return None
        downlink = self._path.downlink
        return self._down_probes.probe_due(
            now_s,
            uplink_bps=downlink.bps,
            highest_bps=downlink.highest_bps,
            age_s=downlink.age_s(now_s),
            unconfirmed=downlink.unconfirmed or downlink.rests_on_one,
            slow_start_rtt_s=self._path.rtt_s if self._path.downlink_slow_starts(now_s) else 0.0,
            pause_s=1.0 / self._rate_hz,
        )

    def ping_due(self, now_s: float) -> bool:
        """Whether to measure the round trip now, with a call of about 1 kB on the connection that carries frames.

        On a link with a large bandwidth-delay product, pings are frequent enough to keep the connection out of slow
        start. Slow start would make the next upload 2 to 3 times slower than predicted, and a probe would measure a
        rate that is too low by as much.
        """
        if self._phase() is Phase.ALONE:
            return False
        interval_s = self._config.warm_interval_s if self._keeps_warm(now_s) else None
        return self._probes.ping_due(now_s, age_s=self._path.round_trip.age_s(now_s), interval_s=interval_s)

    def profile_due(self, now_s: float) -> bool:
        """Whether to ask for a profile now: another replica answers frames than the one that sent the last."""
        return self._phase() is not Phase.ALONE and self._replicas.profile_due(now_s)

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

    def state(self, now_s: float) -> ControllerState:
        """A snapshot for metrics and displays."""
        return ControllerState(
            phase=self._phase(),
            breaker=self._breaker.state,
            retry_at_s=self._breaker.retry_at_s,
            lost_reason=self._lost_reason,
            uplink_bps=self._path.uplink.bps,
            uplink_age_s=self._path.uplink.age_s(now_s),
            rtt_s=self._path.round_trip.minimum_s,
            overhead_s=self._replicas.overhead_s(now_s),
            edge_load=self._edge_load.factor(now_s),
            cloud_load=self._replicas.load_factor(now_s),
            rate_hz=self._rate_hz,
            mode=self._planner.mode,
            decisions=self._planner.decisions,
            switches=self._planner.switches,
            table_splits=self._planner.table_splits,
            downlink_bps=self._path.downlink.bps,
            replicas=self._replicas.seen(now_s),
        )

    def _phase(self) -> Phase:
        cloud_usable = self._planner.cloud_known and self._breaker.state is BreakerState.CLOSED
        if not self._policy.uses_cloud or not cloud_usable:
            return Phase.ALONE
        if self._policy.needs_uplink and self._path.uplink.bps is None:
            return Phase.MEASURING
        return Phase.OFFLOADING

    def _conditions(self, now_s: float, *, packets: bool) -> Conditions:
        return Conditions(
            phase=self._phase(),
            uplink_bps=self._path.uplink.bps,
            fixed_s=self._path.rtt_s + self._replicas.overhead_s(now_s),
            edge_load=self._edge_load.factor(now_s),
            cloud_load=self._replicas.load_factor(now_s),
            rate_hz=self._rate_hz,
            stalled_s=self._path.stalled_s,
            slow_start=self._path.slow_start() if self._frames_are_rare else None,
            heads_run=self._heads_run,
            downlink_bps=self._path.downlink.bps,
            large_answers=self._large_answers,
            packets=packets,
        )

    def _cloud_seen(self, event: Event, now_s: float) -> None:
        match event:
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
                self._planner.forbid(event)
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

    def _cloud_worked(self, event: TailMeasured | CloudLoadReported, now_s: float) -> None:
        self._replicas.observe(event, now_s)
        if isinstance(event, TailMeasured):
            return
        if self._breaker.resume(now_s) and self._path.uplink.bps is None:
            # Frames went unanswered, but heartbeats arrive: the connection is there, so only measure the rate again.
            self._restart_probes()

    def _replica_seen(self, event: CloudProfiled | ReplicaAnswers | ConnectionReplaced, now_s: float) -> None:
        if isinstance(event, ConnectionReplaced):
            self._path.reconnected()
            return
        if isinstance(event, CloudProfiled):
            self._planner.check(event.cloud_s)
        self._replicas.observe(event, now_s)
        self._path.round_trip = self._replicas.round_trip
        table, profile = self._replicas.table, self._replicas.profile
        if table is not None and profile is not None:
            self._planner.cloud_profiled(table.cloud_s, table.decode_s, takes_packets=profile.takes_packets)
        if isinstance(event, CloudProfiled) and not event.again:
            self._path.reconnected()
            self._answered(now_s)

    def _answered(self, now_s: float) -> None:
        self._path.stalled_s = 0.0
        if self._breaker.state is not BreakerState.CLOSED:
            self._restart_probes()
        self._breaker.succeeded(now_s)

    def _missed(self, now_s: float) -> None:
        self._path.stalled_s = 0.0
        self._breaker.failed(now_s)
        if self._breaker.state is not BreakerState.CLOSED:
            self._lost_reason = self._lost_reason or "no answers"
            self._path.forget()

    def _restart_probes(self) -> None:
        self._probes.restart()
        self._down_probes.restart()

    def _keeps_warm(self, now_s: float) -> bool:
        idle = self._path.idle_s(now_s) >= self._config.warm_interval_s
        return idle and not self._frames_are_rare and self._path.needed_bytes > INITIAL_WINDOW_BYTES

    @property
    def _frames_are_rare(self) -> bool:
        """Whether frames are so rare that pings to avoid slow start would cost more than they save."""
        return self._rate_hz * self._config.warm_longest_pause_s < 1.0


def _checked_rate(rate_hz: float) -> float:
    if not (math.isfinite(rate_hz) and rate_hz > 0.0):
        raise ValueError(f"rate_hz must be positive and finite, not {rate_hz}")
    return rate_hz
