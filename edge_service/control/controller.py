"""The state machine of the decision: takes events, and returns plans, probes, pings and reconnects.

    events of the edge ──────────────► load, rate ──┐
                                                    ├──► a plan for each cloud ──► the cheapest, by CloudChoice ──► Plan
    events of a cloud ──► its CloudSide: path, load ┘

With one cloud there is nothing to choose: its plan is the plan. With none that can be used, everything runs here.

Laws:

- time is an argument of every call and never goes back;
- `plan` is called for every frame, decides only when something moved, and never waits: `work_due` returns a search or
  the pricing or building of a table that is due, to run on another thread;
- the split in a plan is closed and holds the model's inputs, and names layers of the model, whatever was observed;
- where parts take time to prepare, a ready split is planned if there is one, unless the policy keeps to its own;
- a positive answer of `probe_due`, `ping_due`, `profile_due`, `reconnect_due` or `work_due` counts as acted upon.
"""

import copy
import math
import random
from collections.abc import Collection, Iterable
from dataclasses import replace

from edge_service.control.clouds import ChoiceConfig, CloudChoice, CloudSide, EdgeSide, Price, rest_s
from edge_service.control.estimators.encoding_costs import EncodingCosts
from edge_service.control.estimators.load import LoadEstimator
from edge_service.control.estimators.packet_costs import PacketCosts
from edge_service.control.events import (
    CutEncoded,
    Event,
    HeadMeasured,
    PacketsEvent,
    PacketsRefused,
    PicturesDecodedThere,
    RateChanged,
)
from edge_service.control.plan import CloudState, ControllerConfig, ControllerState, Phase, Plan
from edge_service.control.planner import Planner
from edge_service.control.policies.adaptive import Adaptive
from edge_service.control.policies.policy import Policy
from edge_service.control.pricing import large_answers
from edge_service.control.readiness import Choosable, Job, Ready
from partitioner import LayerGraph, Partition
from partitioner.splits import Splits


class Controller:
    """See the module docstring. A cloud is named by its place among the clouds, from 0.

    Args:
        graph: The model.
        edge_s: Seconds of each layer on the edge, in graph order.
        config: Settings.
        rate_hz: Rate of frames until `RateChanged` says otherwise.
        encodings: Encodings to choose from, as measured on the edge, the default first; if empty, only raw.
        policy: Chooses the split; `Adaptive` by default. Each cloud after the first gets a copy of it.
        packets: The source's packets, if it has any that hold the model's input; its seconds those of this edge.
        ready: Whether a split can run without waiting for its parts to be prepared; None if none needs that.
        clouds: How many clouds there are.
        rng: What the choice of a cloud is drawn from; edges of one fleet need different ones. Only for several clouds.
        choice: Settings of that choice.

    Raises:
        PartitionError: If the times do not fit the graph, or the packets hold no input of the model.
        ValueError: If the rate is not positive and finite, or several clouds come without `rng`.
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
        *,
        clouds: int = 1,
        rng: random.Random | None = None,
        choice: ChoiceConfig | None = None,
    ) -> None:
        self._config = config or ControllerConfig()
        self._policy: Policy = Adaptive(self._config.hysteresis) if policy is None else policy
        self._rate_hz = _checked_rate(rate_hz)
        self._edge_load = LoadEstimator()
        self._heads_run = 0
        self._planned_at_s: float | None = None
        self._fresh_s = (choice or ChoiceConfig()).fresh_s
        self._choice = None if clouds == 1 else _choice(choice or ChoiceConfig(), clouds, rng)
        large = large_answers(graph)
        policies = [self._policy, *(copy.deepcopy(self._policy) for _ in range(clouds - 1))]
        self._sides = tuple(
            CloudSide(
                Planner(graph, edge_s, self._config, encodings, each, packets, ready),
                self._config,
                each,
                large_answers=large,
            )
            for each in policies
        )
        self._last: Plan | None = None
        self._switches = 0
        self._orders: dict[int, tuple[frozenset[str], ...]] = {}
        self._order_told: tuple[frozenset[str], ...] | None = None

    def observe(self, event: Event, now_s: float, cloud: int = 0) -> None:
        """Takes one event, observed at `now_s`, of a cloud or of the edge.

        Raises:
            PartitionError: For a profile that does not fit the graph.
            ValueError: For a rate that is not positive and finite.
        """
        match event:
            case HeadMeasured(predicted_s, measured_s):
                self._heads_run += 1
                self._edge_load.add(predicted_s, measured_s, now_s)
            case RateChanged(rate_hz):
                self._rate_hz = _checked_rate(rate_hz)
            case CutEncoded(encoding, measured_bytes, sent_bytes):
                for side in self._sides:
                    side.planner.cut_encoded(encoding, measured_bytes, sent_bytes)
            case _ if isinstance(event, PacketsEvent):
                of_one = isinstance(event, PicturesDecodedThere | PacketsRefused)
                for side in (self._sides[cloud],) if of_one else self._sides:
                    side.planner.packets_seen(event, self._edge_load.factor(now_s), side.load(now_s), now_s)
            case _:
                self._sides[cloud].observe(event, now_s)

    @property
    def packets_usable(self) -> bool:
        """Whether frames can be sent as packets: the source has them, and a cloud takes them and has not refused."""
        return any(side.planner.packets_usable for side in self._sides)

    def takes_packets(self, cloud: int) -> bool:
        """The same of one cloud."""
        return self._sides[cloud].planner.packets_usable

    def plan(self, now_s: float, *, packets_ready: bool | Collection[int] = False) -> Plan:
        """How to run a frame that starts now. It takes microseconds unless something moved since the last call.

        Args:
            now_s: The time.
            packets_ready: Whether the frame's packets can be sent: none before them is missing in the cloud; with
                several clouds, those to which they can be sent.
        """
        self._planned_at_s = now_s
        edge = self._edge(now_s)
        if self._choice is None:
            return self._sides[0].plan(edge, now_s, packets=bool(packets_ready))
        packets = _among(packets_ready, len(self._sides))
        usable = [i for i, side in enumerate(self._sides) if side.phase is Phase.OFFLOADING]
        if self._choice.is_due(usable, now_s):
            fresh = [i for i in usable if self._sides[i].is_measured(now_s, self._fresh_s)]
            self._choice.choose(self._prices(usable, edge, packets, now_s), now_s, fresh=fresh)
        cloud = self._cloud
        if self._sides[cloud].is_doubted:
            # It may be lost. Until that is known, or it is heard of again, frames go where they are answered.
            others = self._prices((i for i in usable if not self._sides[i].is_doubted), edge, packets, now_s)
            cloud = min(others, key=lambda i: others[i].order, default=cloud)
        return self._told(self._sides[cloud].plan(edge, now_s, packets=cloud in packets), cloud)

    def elsewhere(
        self,
        plan: Plan,
        tried: Collection[int],
        left_s: float,
        now_s: float,
        *,
        packets_ready: Collection[int] = (),
    ) -> Plan | None:
        """The plan for the rest of a frame that its cloud does not answer, with another cloud.

        Args:
            plan: How it was planned; its head has run.
            tried: The clouds that do not answer it.
            left_s: The time until the answer is due.
            now_s: The time.
            packets_ready: The clouds that can be sent a frame as packets, as it was; to others it goes decoded.

        Returns:
            None if no other cloud is expected to answer in time.
        """
        edge, fastest_s, found = self._edge(now_s), math.inf, None
        for i, side in enumerate(self._sides):
            if i in tried:
                continue
            made = side.rest_of(plan, edge, now_s, packets=plan.packets and i in packets_ready)
            if made is None:
                continue
            takes_s = rest_s(made, decoded=not plan.packets)
            if takes_s <= min(left_s, fastest_s):
                fastest_s, found = (
                    takes_s,
                    replace(
                        made, cloud=i, serial=plan.serial, changed=plan.changed, deadline_s=min(made.deadline_s, left_s)
                    ),
                )
        return found

    def work_due(self, now_s: float) -> Job | None:
        """The job to run now on another thread, or None. It is for models with too many splits to price at once.

        Until `work_ended` was called for it, the next calls return None.
        """
        if any(side.planner.is_busy for side in self._sides):
            return None
        in_turn = sorted(self._sides, key=lambda side: side is not self._sides[self._cloud])
        return next((job for side in in_turn if (job := side.planner.work_due(now_s)) is not None), None)

    def work_ended(self, job: Job, result: Splits | Partition | Choosable | None, now_s: float) -> None:
        """Takes the result of a job, None if it failed; a job that is not the last one begun is ignored."""
        for side in self._sides:
            side.planner.work_ended(job, result, now_s)
        rests_until_s = max(side.planner.rests_until_s for side in self._sides)
        for side in self._sides:
            side.planner.rest_until(rests_until_s)

    def preparation_due(self) -> tuple[frozenset[str], ...] | None:
        """The splits whose parts to prepare, and keep, in this order, if that has changed since the last call.

        Those for the cloud in use come first. Ask before the first plan, when the first split is what the first frame
        needs, and after each plan.
        """
        for i, side in enumerate(self._sides):
            order = side.planner.preparation_due()
            if order is not None:
                self._orders[i] = order
        in_turn = sorted(self._orders, key=lambda i: i != self._cloud)
        order = tuple(dict.fromkeys(edge for i in in_turn for edge in self._orders[i]))
        if not order or order == self._order_told:
            return None
        self._order_told = order
        return order

    def probe_due(self, now_s: float, cloud: int = 0) -> int | None:
        """Bytes of a probe to send now, or None. The next calls return None until the next probe is due."""
        return self._sides[cloud].probe_due(
            now_s, self._rate_hz, spare=self._is_spare(cloud), rest_s=self._rest_s(now_s)
        )

    def down_probe_due(self, now_s: float, cloud: int = 0) -> int | None:
        """Bytes of a probe of the downlink to send now, or None, as for `probe_due`; only for large answers."""
        return self._sides[cloud].down_probe_due(
            now_s, self._rate_hz, spare=self._is_spare(cloud), rest_s=self._rest_s(now_s)
        )

    def ping_due(self, now_s: float, cloud: int = 0) -> bool:
        """Whether to measure the round trip now; see `CloudSide.ping_due`."""
        return self._sides[cloud].ping_due(
            now_s, self._rate_hz, spare=self._is_spare(cloud), rest_s=self._rest_s(now_s)
        )

    def profile_due(self, now_s: float, cloud: int = 0) -> bool:
        """Whether to ask for a profile now; see `CloudSide.profile_due`."""
        return self._sides[cloud].profile_due(now_s)

    def slow_starts(self, now_s: float, cloud: int = 0) -> bool:
        """Whether an upload that begins now starts with a window smaller than the link needs."""
        return self._sides[cloud].slow_starts(now_s)

    def downlink_slow_starts(self, now_s: float, cloud: int = 0) -> bool:
        """The same for a download."""
        return self._sides[cloud].downlink_slow_starts(now_s)

    @property
    def rtt_s(self) -> float:
        """Round trip to the first cloud, the recent minimum; 0 while unknown."""
        return self.rtt_of(0)

    def rtt_of(self, cloud: int) -> float:
        """The same of one cloud."""
        return self._sides[cloud].rtt_s

    def reconnect_due(self, now_s: float, cloud: int = 0) -> bool:
        """Whether to try to reach the cloud now; see `CloudSide.reconnect_due`."""
        return self._sides[cloud].reconnect_due(now_s)

    def others_answer(self, cloud: int = 0) -> bool:
        """Whether another cloud can be sent frames now."""
        others = (side for i, side in enumerate(self._sides) if i != cloud)
        return any(side.phase is Phase.OFFLOADING and not side.is_doubted for side in others)

    def of_cloud(self, cloud: int, now_s: float) -> CloudState:
        """A snapshot of one cloud."""
        return self._sides[cloud].state(now_s)

    def state(self, now_s: float) -> ControllerState:
        """A snapshot for metrics and displays."""
        clouds = tuple(side.state(now_s) for side in self._sides)
        used, planner = clouds[self._cloud], self._sides[self._cloud].planner
        return ControllerState(
            phase=used.phase,
            breaker=used.breaker,
            retry_at_s=used.retry_at_s,
            lost_reason=used.lost_reason,
            uplink_bps=used.uplink_bps,
            uplink_age_s=used.uplink_age_s,
            rtt_s=used.rtt_s,
            overhead_s=used.overhead_s,
            edge_load=self._edge_load.factor(now_s),
            cloud_load=used.load,
            rate_hz=self._rate_hz,
            mode=planner.mode,
            decisions=sum(side.planner.decisions for side in self._sides),
            switches=planner.switches if self._choice is None else self._switches,
            table_splits=planner.table_splits,
            downlink_bps=used.downlink_bps,
            cloud=self._cloud,
            cloud_changes=0 if self._choice is None else self._choice.changes,
            clouds=clouds,
            replicas=used.replicas,
        )

    @property
    def _cloud(self) -> int:
        """The cloud in use; the first one before any was chosen."""
        return 0 if self._choice is None or self._choice.current is None else self._choice.current

    def _rest_s(self, now_s: float) -> float:
        """The age up to which measurements of links suffice: 0, but for an idle edge."""
        if self._planned_at_s is None:
            self._planned_at_s = now_s  # an edge whose camera never began is idle, too
        return self._config.idle_interval_s if now_s - self._planned_at_s > self._config.idle_s else 0.0

    def _is_spare(self, cloud: int) -> bool:
        return self._choice is not None and cloud not in (self._choice.current, self._choice.wanted)

    def _edge(self, now_s: float) -> EdgeSide:
        return EdgeSide(self._edge_load.factor(now_s), self._rate_hz, self._heads_run)

    def _prices(
        self, clouds: Iterable[int], edge: EdgeSide, packets: Collection[int], now_s: float
    ) -> dict[int, Price]:
        """What a frame costs with each of these clouds."""
        sides = self._sides
        return {i: Price.of(sides[i].plan(edge, now_s, packets=i in packets), sides[i].queue_s(now_s)) for i in clouds}

    def _told(self, plan: Plan, cloud: int) -> Plan:
        """The plan for a cloud, with what it changes for the frame after the last one."""
        switched = self._last is not None and self._last.partition.edge != plan.partition.edge
        self._switches += switched
        self._last = plan = replace(plan, changed=switched, serial=self._switches, cloud=cloud)
        return plan


class OneCloud:
    """The controller as the flow of one cloud's frames sees it.

    Args:
        controller: The controller of all clouds.
        cloud: Which one.
    """

    def __init__(self, controller: Controller, cloud: int) -> None:
        self._controller, self._cloud = controller, cloud

    def observe(self, event: Event, now_s: float) -> None:
        """Takes an event of this cloud or of the edge."""
        self._controller.observe(event, now_s, self._cloud)

    @property
    def packets_usable(self) -> bool:
        """Whether frames can be sent to this cloud as packets."""
        return self._controller.takes_packets(self._cloud)

    def probe_due(self, now_s: float) -> int | None:
        """See `Controller`, as for the others."""
        return self._controller.probe_due(now_s, self._cloud)

    def down_probe_due(self, now_s: float) -> int | None:
        """See there."""
        return self._controller.down_probe_due(now_s, self._cloud)

    def ping_due(self, now_s: float) -> bool:
        """See there."""
        return self._controller.ping_due(now_s, self._cloud)

    def profile_due(self, now_s: float) -> bool:
        """See there."""
        return self._controller.profile_due(now_s, self._cloud)

    def slow_starts(self, now_s: float) -> bool:
        """See there."""
        return self._controller.slow_starts(now_s, self._cloud)

    def downlink_slow_starts(self, now_s: float) -> bool:
        """See there."""
        return self._controller.downlink_slow_starts(now_s, self._cloud)

    @property
    def rtt_s(self) -> float:
        """See there."""
        return self._controller.rtt_of(self._cloud)

    def reconnect_due(self, now_s: float) -> bool:
        """See there."""
        return self._controller.reconnect_due(now_s, self._cloud)

    def others_answer(self) -> bool:
        """See there."""
        return self._controller.others_answer(self._cloud)

    def state(self, now_s: float) -> CloudState:
        """A snapshot of this cloud."""
        return self._controller.of_cloud(self._cloud, now_s)


def _checked_rate(rate_hz: float) -> float:
    if not (math.isfinite(rate_hz) and rate_hz > 0.0):
        raise ValueError(f"rate_hz must be positive and finite, not {rate_hz}")
    return rate_hz


def _choice(config: ChoiceConfig, clouds: int, rng: random.Random | None) -> CloudChoice:
    if clouds < 1:
        raise ValueError(f"clouds must be at least 1, not {clouds}")
    if rng is None:
        raise ValueError("several clouds need rng: edges that draw the same choose the same cloud at the same time")
    return CloudChoice(config, rng)


def _among(ready: bool | Collection[int], clouds: int) -> Collection[int]:
    return range(clouds if ready else 0) if isinstance(ready, bool) else ready
