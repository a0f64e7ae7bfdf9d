"""Makes plans from conditions: prices, decides, holds on to the split in use, and keeps the last plan.

The planner knows nothing of samples, probes or breakers; the controller knows nothing of splits.
"""

import dataclasses
import math
from collections.abc import Mapping

from edge_service.control.conditions import Conditions
from edge_service.control.estimators.encoding_costs import EncodingCosts, SizeRatios, bytes_of, usable
from edge_service.control.hysteresis import worth_switching
from edge_service.control.plan import ControllerConfig, Mode, Phase, Plan, Strategy
from partitioner import CostProfile, Decision, LayerGraph, Link, Partition, splits_of


class Planner:
    """One model's plans.

    Args:
        graph: The model.
        edge_s: Seconds of each layer on the edge, in graph order.
        config: Settings.
        encodings: What a cut may be sent in, the default first; none for the graph's bytes, without time.

    Raises:
        PartitionError: If the times do not fit the graph.
    """

    def __init__(
        self,
        graph: LayerGraph,
        edge_s: tuple[float, ...],
        config: ControllerConfig,
        encodings: tuple[EncodingCosts, ...] = (),
    ) -> None:
        self._graph = graph
        self._encodings = encodings
        self._sizes = SizeRatios()
        self._decode_s: Mapping[str, tuple[float, ...]] = {}
        self._config = config
        self._everything = frozenset(layer.name for layer in graph.layers)
        self._inputs = frozenset(layer.name for layer in graph.layers if not layer.inputs)
        self._edge_s = edge_s
        self._cloud_s: tuple[float, ...] | None = None
        self._splits = splits_of(graph, self._costs(None))
        self._plan: Plan | None = None
        self._conditions: Conditions | None = None
        self._decided_at_s = -math.inf
        self._contrary_since_s: float | None = None
        self.mode = Mode.LIGHT
        self.decisions = 0
        self.switches = 0

    @property
    def cloud_known(self) -> bool:
        """Whether the cloud's times are known."""
        return self._cloud_s is not None

    def cloud_profiled(self, cloud_s: tuple[float, ...], decode_s: Mapping[str, tuple[float, ...]]) -> None:
        """Replaces the cloud's times."""
        if cloud_s != self._cloud_s:
            self._splits = self._splits.with_costs(self._costs(cloud_s))
            self._cloud_s = cloud_s
            self._conditions = None
        if decode_s != self._decode_s:
            self._decode_s = decode_s
            self._reencode()

    def cut_encoded(self, encoding: str, measured_bytes: float, sent_bytes: float) -> None:
        """Compares a cut's size with what was measured."""
        if self._sizes.add(encoding, measured_bytes, sent_bytes):
            self._reencode()

    def plan(self, conditions: Conditions, now_s: float) -> Plan:
        """The plan under these conditions; the last one while they have not moved."""
        last = self._plan
        if last is not None and not self._due(conditions, now_s):
            if last.changed:
                self._plan = last = dataclasses.replace(last, changed=False)
            return last
        plan = self._decide(conditions, now_s)
        self._plan, self._conditions, self._decided_at_s = plan, conditions, now_s
        self.mode = plan.mode
        return plan

    def given(self, edge: frozenset[str], conditions: Conditions) -> Plan:
        """The plan for a split that somebody else chose; everything here while nothing can be offloaded."""
        plan = self._fixed(edge if conditions.phase is Phase.OFFLOADING else self._everything, conditions)
        self._plan, self._conditions = plan, None
        self.mode = plan.mode
        return plan

    def _due(self, conditions: Conditions, now_s: float) -> bool:
        earlier = self._conditions
        if earlier is None or conditions.jumped(earlier):
            return True
        if not self._splits.listed and now_s - self._decided_at_s < self._config.search_interval_s:
            return False
        if self._contrary_since_s is not None and now_s - self._contrary_since_s >= self._config.mode_dwell_s:
            return True
        return conditions.moved(earlier, self._config.tolerance)

    def _decide(self, conditions: Conditions, now_s: float) -> Plan:
        if conditions.phase is not Phase.OFFLOADING:
            return self._fixed(self._everything, conditions)
        if self._config.strategy is Strategy.CLOUD_ONLY:
            return self._fixed(self._inputs, conditions)
        return self._best(conditions, now_s)

    def _fixed(self, edge: frozenset[str], conditions: Conditions) -> Plan:
        """A plan without a choice."""
        partition = self._price(edge, conditions)
        busy = partition.bottleneck_s * conditions.rate_hz
        mode = Mode.LIGHT if busy < self._config.headroom else Mode.HEAVY
        self._contrary_since_s = None
        max_rate_hz = 1.0 / partition.bottleneck_s if partition.bottleneck_s > 0.0 else math.inf
        return self._plan_for(partition, mode, max_rate_hz, conditions, chosen=False)

    def _best(self, conditions: Conditions, now_s: float) -> Plan:
        headroom = self._config.headroom
        self.decisions += 1
        decision = self._decision(conditions)
        partition, decided = decision.partition, Mode(decision.mode)
        if self.mode is Mode.LIGHT and conditions.stalled_s > 0.0:
            here = self._price(self._everything, conditions)
            # A head runs while the link is waited for. That the edge could not keep this up is no matter: stalls pass.
            if here.latency_s < partition.latency_s + max(0.0, conditions.stalled_s - partition.edge_s):
                return self._plan_for(here, self.mode, decision.max_rate_hz, conditions)
        if self._plan is not None and self._plan.phase is Phase.OFFLOADING:
            used = self._price(self._plan.partition.edge, conditions, self._plan.partition.encoding)
            if not worth_switching(
                used, partition, conditions.rate_hz, headroom=headroom, gain=self._config.hysteresis
            ):
                mode = self._held_mode(decided, conditions, now_s)
                return self._plan_for(used, mode, decision.max_rate_hz, conditions)
        self._contrary_since_s = None
        return self._plan_for(partition, decided, decision.max_rate_hz, conditions)

    def _decision(self, conditions: Conditions) -> Decision:
        """The best split; with slow start, the best under any of the lines that its price is the lowest of."""
        slow_start, links = conditions.slow_start, [conditions.link]
        if slow_start is not None:
            links = [Link(bps, fixed_s=conditions.fixed_s + begun_s) for bps, begun_s in slow_start.lines()]
        decisions = [
            self._splits.decide(
                link,
                conditions.rate_hz / self._config.headroom,
                edge_load=conditions.edge_load,
                cloud_load=conditions.cloud_load,
            )
            for link in links
        ]
        if slow_start is None:
            return decisions[0]
        priced = [
            dataclasses.replace(
                decision, partition=self._price(decision.partition.edge, conditions, decision.partition.encoding)
            )
            for decision in decisions
        ]
        return min(priced, key=lambda decision: decision.partition.latency_s)

    def _held_mode(self, decided: Mode, conditions: Conditions, now_s: float) -> Mode:
        """The mode while the split stays: it follows only what lasts, or a new rate."""
        if decided is self.mode:
            self._contrary_since_s = None
            return decided
        if self._contrary_since_s is None:
            self._contrary_since_s = now_s
        new_rate = self._conditions is not None and self._conditions.rate_hz != conditions.rate_hz
        if new_rate or now_s - self._contrary_since_s >= self._config.mode_dwell_s:
            self._contrary_since_s = None
            return decided
        return self.mode

    def _plan_for(
        self, partition: Partition, mode: Mode, max_rate_hz: float, conditions: Conditions, *, chosen: bool = True
    ) -> Plan:
        last = self._plan
        changed = last is not None and last.partition.edge != partition.edge
        self.switches += changed
        in_flight = self._in_flight(partition, conditions.rate_hz)
        return Plan(
            partition=partition,
            mode=mode,
            keeps_up=partition.bottleneck_s * conditions.rate_hz < 1.0,
            max_rate_hz=max_rate_hz * self._config.headroom,
            serial=self.switches,
            changed=changed,
            phase=conditions.phase,
            uplink_bps=conditions.uplink_bps,
            deadline_s=self._deadline_s(partition, mode, in_flight, conditions, chosen=chosen),
            in_flight=in_flight,
            edge_load=conditions.edge_load,
            cloud_load=conditions.cloud_load,
            measured_bytes=bytes_of(self._encodings, partition.encoding, map(self._position, partition.cut)),
        )

    def _in_flight(self, partition: Partition, rate_hz: float) -> int:
        if partition.edge == self._everything:
            # Nothing of it goes where others are; heads run one at a time anyway.
            return self._config.most_in_flight
        remote_s = partition.transfer_s + partition.fixed_s + partition.cloud_s
        period_s = max(partition.bottleneck_s, 1.0 / rate_hz)
        return min(math.ceil(remote_s / period_s) + 1, self._config.most_in_flight)

    def _deadline_s(
        self, partition: Partition, mode: Mode, in_flight: int, conditions: Conditions, *, chosen: bool
    ) -> float:
        """How long to wait for an answer.

        As long past the expected answer as finishing locally takes: then at most twice the better of the two is lost
        (the ski-rental argument). A multiple of the prediction gives up sooner where the upload is short, and throws
        away most of an upload that a fade of the link interrupted; a link that is gone is known by its silence. A split
        that nobody chose here (cloud-only, one that is given) is kept to, for such a multiple.
        """
        config = self._config
        if partition.edge == self._everything:
            return math.inf
        busy_s = partition.transfer_s + partition.cloud_s
        if mode is Mode.HEAVY:
            # Frames under way wait for each other at the slower of the two stages.
            busy_s = max(busy_s, in_flight * max(partition.transfer_s, partition.cloud_s))
        expected_s = partition.fixed_s + busy_s + config.deadline_margin_s
        if conditions.uplink_bps is None:
            return max(expected_s, config.longest_deadline_s)
        if chosen:
            patience_s = self._price(self._everything, conditions).edge_s - partition.edge_s
        else:
            patience_s = (config.deadline_factor - 1.0) * busy_s
        return expected_s + min(patience_s, config.longest_deadline_s)

    def _price(self, edge: frozenset[str], conditions: Conditions, encoding: str = "raw") -> Partition:
        link = Link(math.inf) if edge == self._everything else conditions.link
        price = self._splits.evaluate(
            edge, link, edge_load=conditions.edge_load, cloud_load=conditions.cloud_load, encoding=encoding
        )
        if conditions.slow_start is None or not price.transfer_s:
            return price
        lost_s = conditions.slow_start.lost_s(price.transfer_s * link.uplink_bps / 8.0)
        return dataclasses.replace(price, transfer_s=price.transfer_s + lost_s)

    def _position(self, layer: str) -> int:
        return self._graph.structure.position[layer]

    def _costs(self, cloud_s: tuple[float, ...] | None) -> CostProfile:
        """Costs for a table; while the cloud's times are unknown nothing is priced with them."""
        return CostProfile(edge_s=self._edge_s, cloud_s=cloud_s or (0.0,) * len(self._graph.layers))

    def _reencode(self) -> None:
        priced = [
            encoding.priced(self._decode_s[encoding.name], self._sizes.ratio(encoding.name))
            for encoding in usable(self._encodings, self._decode_s)
        ]
        self._splits = self._splits.with_encodings(priced)
        self._conditions = None
        known = {"raw", *(encoding.name for encoding in priced)}
        if self._plan is not None and self._plan.partition.encoding not in known:
            self._plan = None  # another cloud, which does not accept what is in use
