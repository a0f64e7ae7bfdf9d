"""Makes plans from a policy's choices: when to decide again, deadlines, frames in flight, and switches.

The planner has no samples, probes or breaker; the controller has no splits. Only the policy chooses the split.
"""

import dataclasses
import math
from collections.abc import Mapping, Sized

from edge_service.control.conditions import Conditions
from edge_service.control.estimators.encoding_costs import EncodingCosts, SizeRatios, bytes_of, usable
from edge_service.control.plan import ControllerConfig, Mode, Phase, Plan
from edge_service.control.policies.adaptive import Adaptive
from edge_service.control.policies.policy import Choice, Policy, keep_to
from edge_service.control.pricing import answer_bytes, can_be_sent, everything, price
from edge_service.control.tables import BackgroundWork, Job, LiveSplits
from partitioner import CostProfile, Encoding, LayerGraph, Partition, splits_of
from partitioner.listed.split_table import SplitTable
from partitioner.splits import Splits

# Pricing so many splits anew, four encodings included, takes about a millisecond. More are priced in the background.
_PRICED_AT_ONCE = 2_000


class Planner:
    """One model's plans.

    Args:
        graph: The model.
        edge_s: Seconds of each layer on the edge, in graph order.
        config: Settings.
        encodings: Encodings to choose from, the default first; if empty, only raw.
        policy: Chooses the split; `Adaptive` by default.

    Raises:
        PartitionError: If the times do not fit the graph.
    """

    def __init__(
        self,
        graph: LayerGraph,
        edge_s: tuple[float, ...],
        config: ControllerConfig,
        encodings: tuple[EncodingCosts, ...] = (),
        policy: Policy | None = None,
    ) -> None:
        self._graph = graph
        self._encodings = encodings
        self._sizes = SizeRatios()
        self._decode_s: Mapping[str, tuple[float, ...]] = {}
        self._config = config
        self._policy: Policy = Adaptive(config.hysteresis) if policy is None else policy
        self._edge_s = edge_s
        self._cloud_s: tuple[float, ...] | None = None
        splits = splits_of(graph, self._costs(None))
        at_once = isinstance(splits, SplitTable) and len(splits) <= _PRICED_AT_ONCE
        self._splits: Splits = splits if at_once else LiveSplits.of(splits)
        self._everything = everything(splits)
        asks = not self._policy.keeps_to_split
        self._work = BackgroundWork(splits, config.search_interval_s, config.tolerance, asks=asks)
        self._forbidden: set[frozenset[str]] = set()
        self._plan: Plan | None = None
        self._conditions: Conditions | None = None
        self._contrary_since_s: float | None = None
        self.mode = Mode.LIGHT
        self.decisions = 0
        self.switches = 0

    @property
    def cloud_known(self) -> bool:
        """Whether the cloud's times are known."""
        return self._cloud_s is not None

    @property
    def table_splits(self) -> int:
        """How many splits the table has that answers decisions; 0 while no table does."""
        splits = self._splits
        table = splits.answering if isinstance(splits, LiveSplits) else splits
        return len(table) if isinstance(table, Sized) else 0

    def cloud_profiled(self, cloud_s: tuple[float, ...], decode_s: Mapping[str, tuple[float, ...]]) -> None:
        """Replaces the cloud's times."""
        if cloud_s != self._cloud_s:
            self._splits = self._splits.with_costs(self._costs(cloud_s))
            self._cloud_s = cloud_s
            self._conditions = None
        if decode_s != self._decode_s:
            self._decode_s = decode_s
            self._splits = self._splits.with_encodings(self._encodings_now())
            self._encodings_changed()

    def cut_encoded(self, encoding: str, measured_bytes: float, sent_bytes: float) -> None:
        """Takes a cut's size now, and its size when the encoding was measured."""
        if self._sizes.add(encoding, measured_bytes, sent_bytes):
            splits, encodings = self._splits, self._encodings_now()
            self._splits = (
                splits.resized(encodings) if isinstance(splits, LiveSplits) else splits.with_encodings(encodings)
            )
            self._encodings_changed()

    def forbid(self, edge: frozenset[str]) -> None:
        """Never uses this split again: the cloud cannot answer it."""
        self._forbidden.add(edge)
        self._conditions = None

    def plan(self, conditions: Conditions, now_s: float) -> Plan:
        """The plan under these conditions; the last one while they have not moved. Never waits for a job."""
        last = self._plan
        if last is not None and not self._due(conditions, now_s):
            if last.changed:
                self._plan = last = dataclasses.replace(last, changed=False)
            return last
        plan = self._choose(conditions, now_s)
        self._plan, self._conditions = plan, conditions
        self.mode = plan.mode
        return plan

    def work_due(self, now_s: float) -> Job | None:
        """The job to begin now in the background, or None; see `BackgroundWork`."""
        return self._work.due(self._splits, now_s) if isinstance(self._splits, LiveSplits) else None

    def work_ended(self, job: Job, result: Splits | Partition | None, now_s: float) -> None:
        """Takes the result of a job, None if it failed. The next plan asks again."""
        ours = self._work.ended(job, result is not None, now_s)
        if not ours or result is None or not isinstance(self._splits, LiveSplits):
            return
        self._splits = self._splits.with_result(job, result)
        self._conditions = None
        self.decisions += isinstance(result, Partition)

    def _due(self, conditions: Conditions, now_s: float) -> bool:
        earlier = self._conditions
        if earlier is None or self._policy.asked_always or conditions.jumped(earlier):
            return True
        if self._contrary_since_s is not None and now_s - self._contrary_since_s >= self._config.mode_dwell_s:
            return True
        return conditions.moved(earlier, self._config.tolerance)

    def _choose(self, conditions: Conditions, now_s: float) -> Plan:
        offloaded = self._plan is not None and self._plan.phase is Phase.OFFLOADING
        used = self._plan.partition if self._plan is not None and offloaded else None
        conditions = dataclasses.replace(
            conditions, now_s=now_s, used=used, mode=self.mode, headroom=self._config.headroom
        )
        if conditions.phase is not Phase.OFFLOADING:
            self._work.dropped()
            self._contrary_since_s = None
            choice = keep_to(self._everything, self._splits, conditions)
            return self._plan_for(choice, choice.mode, conditions)
        choice = self._policy_choice(conditions)
        if choice.partition.edge in self._forbidden or not can_be_sent(self._graph, choice.partition):
            choice = keep_to(self._everything, self._splits, conditions)
        return self._plan_for(choice, self._held_mode(choice, conditions), conditions)

    def _policy_choice(self, conditions: Conditions) -> Choice:
        """The policy's choice."""
        splits = self._splits
        if not isinstance(splits, LiveSplits):
            self.decisions += not self._policy.keeps_to_split
            return self._policy.choose(splits, conditions)
        splits.question = None
        choice = self._policy.choose(splits, conditions)
        self._work.asked(splits, conditions)
        self.decisions += splits.current and splits.question is not None
        return choice

    def _held_mode(self, choice: Choice, conditions: Conditions) -> Mode:
        """The mode. While a chosen split stays, it changes with a new rate or after the other mode's dwell time."""
        used, now_s = conditions.used, conditions.now_s
        chosen = choice.partition.edge, choice.partition.encoding
        keeps = self._policy.keeps_to_split  # then the mode chooses nothing, but a deadline depends on it
        if keeps or used is None or chosen != (used.edge, used.encoding) or choice.mode is self.mode:
            self._contrary_since_s = None
            return choice.mode
        if self._contrary_since_s is None:
            self._contrary_since_s = now_s
        new_rate = self._conditions is not None and self._conditions.rate_hz != conditions.rate_hz
        if new_rate or now_s - self._contrary_since_s >= self._config.mode_dwell_s:
            self._contrary_since_s = None
            return choice.mode
        return self.mode

    def _plan_for(self, choice: Choice, mode: Mode, conditions: Conditions) -> Plan:
        last, partition = self._plan, choice.partition
        changed = last is not None and last.partition.edge != partition.edge
        self.switches += changed
        in_flight = self._in_flight(partition, conditions.rate_hz)
        return Plan(
            partition=partition,
            mode=mode,
            keeps_up=partition.bottleneck_s * conditions.rate_hz < 1.0,
            max_rate_hz=choice.max_rate_hz * self._config.headroom,
            serial=self.switches,
            changed=changed,
            phase=conditions.phase,
            uplink_bps=conditions.uplink_bps,
            deadline_s=self._deadline_s(partition, mode, in_flight, conditions),
            in_flight=in_flight,
            edge_load=conditions.edge_load,
            cloud_load=conditions.cloud_load,
            measured_bytes=bytes_of(self._encodings, partition.encoding, map(self._position, partition.cut)),
            downlink_bps=conditions.downlink_bps,
            answer_s=8.0 * answer_bytes(self._graph, partition.edge) / conditions.link.downlink_bps,
        )

    def _in_flight(self, partition: Partition, rate_hz: float) -> int:
        if partition.edge == self._everything:
            # Edge-only frames never wait for the link, and heads run one at a time anyway.
            return self._config.most_in_flight
        remote_s = partition.transfer_s + partition.fixed_s + partition.cloud_s
        period_s = max(partition.bottleneck_s, 1.0 / rate_hz)
        return min(math.ceil(remote_s / period_s) + 1, self._config.most_in_flight)

    def _deadline_s(self, partition: Partition, mode: Mode, in_flight: int, conditions: Conditions) -> float:
        """How long to wait for an answer.

        The wait past the expected answer is as long as finishing locally takes. So a frame takes at most twice the
        better of the two (the ski-rental argument). A multiple of the prediction would give up sooner on short uploads,
        and waste most of an upload that a fade of the link interrupted. A lost link is noticed by missing heartbeats.
        The wait is such a multiple only for a policy that keeps to its split (cloud_only, given).
        """
        config = self._config
        if partition.edge == self._everything:
            return math.inf
        busy_s = partition.transfer_s + partition.cloud_s
        if mode is Mode.HEAVY:
            # Frames in flight wait for each other at the slower of the two stages.
            busy_s = max(busy_s, in_flight * max(partition.transfer_s, partition.cloud_s))
        expected_s = partition.fixed_s + busy_s + config.deadline_margin_s
        if conditions.uplink_bps is None:
            return max(expected_s, config.longest_deadline_s)
        if self._policy.keeps_to_split:
            patience_s = (config.deadline_factor - 1.0) * busy_s
        else:
            patience_s = price(self._everything, self._splits, conditions).edge_s - partition.edge_s
        return expected_s + min(patience_s, config.longest_deadline_s)

    def _position(self, layer: str) -> int:
        return self._graph.structure.position[layer]

    def _costs(self, cloud_s: tuple[float, ...] | None) -> CostProfile:
        """Costs of the splits; the cloud's times are 0 while unknown, and no split that needs them is used then."""
        return CostProfile(edge_s=self._edge_s, cloud_s=cloud_s or (0.0,) * len(self._graph.layers))

    def _encodings_now(self) -> tuple[Encoding, ...]:
        """The encodings that the cloud accepts, at the sizes of now."""
        return tuple(
            encoding.priced(self._decode_s[encoding.name], self._sizes.ratio(encoding.name))
            for encoding in usable(self._encodings, self._decode_s)
        )

    def _encodings_changed(self) -> None:
        self._conditions = None
        known = {"raw", *(encoding.name for encoding in self._splits.encodings)}
        if self._plan is not None and self._plan.partition.encoding not in known:
            self._plan = None  # another cloud, which does not accept the encoding in use
