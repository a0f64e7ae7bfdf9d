"""Makes plans from a policy's choices: when to decide again, deadlines, frames in flight, and switches.

The planner has no samples, probes or breaker; the controller has no splits. Only the policy chooses the split.

Where a source has packets, there are two graphs: the model's, and the one with a layer in front (`packets/`). A frame
whose packets can be sent is planned with the second. Plans name layers of the model only.

If the parts of the policy's choice are not ready, the policy chooses again, of the splits that are. Its first choice is
asked for (`preparation_due`) and planned as soon as it is ready and still better by the policy's margin.
"""

import dataclasses
import math
from collections.abc import Mapping

from edge_service.control.conditions import Conditions
from edge_service.control.deadlines import answer_deadline_s, frames_in_flight
from edge_service.control.estimators.encoding_costs import EncodingCosts, SizeRatios, bytes_of, usable
from edge_service.control.estimators.packet_costs import PacketCosts
from edge_service.control.events import PacketsEvent, SplitImpossible
from edge_service.control.packets import PacketRoute
from edge_service.control.plan import ControllerConfig, Mode, Phase, Plan
from edge_service.control.policies.adaptive import Adaptive
from edge_service.control.policies.policy import Choice, Policy, keep_to
from edge_service.control.pricing import answer_bytes, can_be_sent, price
from edge_service.control.readiness import Choosable, Job, Preparing, Rank, Ready, Substitution
from edge_service.control.tables import GraphSplits, LiveSplits
from partitioner import CostProfile, Encoding, LayerGraph, Partition
from partitioner.splits import Splits


class Planner:
    """One model's plans.

    Args:
        graph: The model.
        edge_s: Seconds of each layer on the edge, in graph order.
        config: Settings.
        encodings: Encodings to choose from, the default first; if empty, only raw.
        policy: Chooses the split; `Adaptive` by default.
        packets: The source's packets, if it has any that hold the model's input.
        ready: Whether a split is ready to run; None if each is.

    Raises:
        PartitionError: If the times do not fit the graph, or the packets hold no input of the model.
    """

    def __init__(
        self,
        graph: LayerGraph,
        edge_s: tuple[float, ...],
        config: ControllerConfig,
        encodings: tuple[EncodingCosts, ...] = (),
        policy: Policy | None = None,
        packets: PacketCosts | None = None,
        ready: Ready | None = None,
    ) -> None:
        self._graph = graph
        self._encodings = encodings
        self._sizes = SizeRatios()
        self._decode_s: Mapping[str, tuple[float, ...]] = {}
        self._config = config
        self._policy: Policy = Adaptive(config.hysteresis) if policy is None else policy
        self._edge_s = edge_s
        self._cloud_s: tuple[float, ...] | None = None
        costs = self._costs()
        costs.check(graph)
        self._route = None if packets is None else PacketRoute(graph, packets)
        asks = not self._policy.keeps_to_split
        self._graphs = GraphSplits.of(
            graph, costs, self._route, interval_s=config.search_interval_s, tolerance=config.tolerance, asks=asks
        )
        self._asked = self._graphs[0]
        self._last: Plan | None = None
        self._forbidden: set[frozenset[str]] = set()
        self._conditions: Conditions | None = None
        self._preparing = self._substitution = None
        if ready is not None:
            self._preparing = Preparing(self._asked.splits, self._policy, ready)
            self._substitution = Substitution(self._preparing, self._policy, self._forbidden)
        self.mode = Mode.LIGHT
        self.decisions = 0
        self.switches = 0

    @property
    def cloud_known(self) -> bool:
        """Whether the cloud's times are known."""
        return self._cloud_s is not None

    @property
    def packets_usable(self) -> bool:
        """Whether frames can be sent as packets, apart from gaps in the source."""
        return self._route is not None and self._route.usable

    @property
    def table_splits(self) -> int:
        """How many splits the table has that answers decisions; 0 while no table does."""
        return self._asked.table_splits

    def cloud_profiled(
        self, cloud_s: tuple[float, ...], decode_s: Mapping[str, tuple[float, ...]], *, takes_packets: bool = False
    ) -> None:
        """Replaces the cloud's times."""
        costs = CostProfile(self._edge_s, cloud_s)
        costs.check(self._graph)
        if self._route is not None:
            self._route.profiled(taken=takes_packets)
        if cloud_s != self._cloud_s:
            self._cloud_s = cloud_s
            if self._route is not None:
                self._route.compared(costs)
            for each in self._graphs:
                each.cost(costs)
        if decode_s != self._decode_s:
            self._decode_s = decode_s
            for each in self._graphs:
                each.encode(self._encodings_now())

    def packets_seen(self, event: PacketsEvent, edge_load: float, cloud_load: float, now_s: float) -> None:
        """Takes what was observed of the source's packets, at these loads."""
        if self._route is not None:
            self._route.observe(event, edge_load, cloud_load, now_s)

    def cut_encoded(self, encoding: str, measured_bytes: float, sent_bytes: float) -> None:
        """Takes a cut's size now, and its size when the encoding was measured."""
        if self._sizes.add(encoding, measured_bytes, sent_bytes):
            for each in self._graphs:
                each.resize(self._encodings_now())

    def forbid(self, impossible: SplitImpossible) -> None:
        """Never uses this split again, or sends packets again."""
        if not impossible.packets:
            self._forbidden.add(impossible.edge)
        elif self._route is not None:
            self._route.refused(for_ever=True)
        for each in self._graphs:
            each.conditions = None

    def plan(self, conditions: Conditions, now_s: float) -> Plan:
        """The plan under these conditions; the last one while they have not moved. Never waits for a job."""
        self._follow_packets(now_s)
        packets = conditions.packets and conditions.phase is Phase.OFFLOADING and self.packets_usable
        if packets != conditions.packets:
            conditions = dataclasses.replace(conditions, packets=packets)
        graph = self._graphs[packets]
        used = self._used(graph)
        if self._due(graph, used, conditions, now_s):
            conditions = dataclasses.replace(
                conditions, now_s=now_s, used=used, mode=graph.mode, headroom=self._config.headroom
            )
            graph.plan = self._decided(graph, conditions)
            graph.conditions = conditions
        self._conditions = conditions
        return self._told(graph)

    def rest_of(self, plan: Plan, conditions: Conditions) -> Plan | None:
        """The plan for the rest of a frame that was planned for another cloud; None if this one cannot answer it.

        The head has run, so the split stays; its encoding does too, if this cloud accepts it. A frame that was to be
        sent as packets is sent so again if `conditions.packets`, and decoded otherwise.
        """
        packets = conditions.packets and plan.packets
        if packets and not self.packets_usable:
            return None
        graph = self._graphs[packets]
        edge, encoding = plan.partition.edge, plan.partition.encoding
        if packets and graph.layer is not None:
            edge = frozenset({graph.layer.name})
        if not plan.packets and graph.knows(encoding):
            split = price(edge, graph.splits, conditions, encoding)
        else:
            split = keep_to(edge, graph.splits, conditions).partition
        if self._is_forbidden(graph, split):
            return None
        return self._plan_for(graph, Choice(split, plan.mode, plan.max_rate_hz), plan.mode, conditions, None)

    @property
    def last(self) -> Plan | None:
        """The last plan; None before the first."""
        return self._last

    @property
    def is_busy(self) -> bool:
        """Whether a job was begun and has not ended."""
        preparing = self._preparing
        return any(each.work.busy for each in self._graphs) or (preparing is not None and preparing.busy)

    @property
    def rests_until_s(self) -> float:
        """No table is built and no split searched for before."""
        return max(each.work.rests_until_s for each in self._graphs)

    def rest_until(self, until_s: float) -> None:
        """Begins no table and no search before then: those of all clouds share the edge's time."""
        for each in self._graphs:
            each.work.rests_until_s = max(each.work.rests_until_s, until_s)

    def preparation_due(self) -> tuple[frozenset[str], ...] | None:
        """The splits to prepare, in this order, if that has changed since the last call; None also if none is to be."""
        if self._preparing is None:
            return None
        return self._preparing.order_due(self._last, self._conditions, cloud_known=self.cloud_known)

    def work_due(self, now_s: float) -> Job | None:
        """The job to begin now in the background, or None; see `BackgroundWork`."""
        preparing = self._preparing
        if self.is_busy:
            return None
        wanted = [each for each in self._graphs if each.layer is None or self.packets_usable]
        due = (each.work_due(now_s) for each in sorted(wanted, key=lambda each: each is not self._asked))
        job = next((job for job in due if job is not None), None)
        if job is None and preparing is not None and self.cloud_known:
            return preparing.work_due(self._asked, now_s)
        return job

    def work_ended(self, job: Job, result: Splits | Partition | Choosable | None, now_s: float) -> None:
        """Takes the result of a job, None if it failed. The next plan asks again."""
        if isinstance(job, Rank):
            if self._preparing is not None:
                self._preparing.ended(job, result, now_s)
            return
        if isinstance(result, Choosable):
            raise TypeError("only a ranking makes that")
        used = [each.work_ended(job, result, now_s) for each in self._graphs]
        self.decisions += any(used) and isinstance(result, Partition)
        self.rest_until(self.rests_until_s)

    def _follow_packets(self, now_s: float) -> None:
        """Prices the splits anew that depend on what has drifted of the source's packets."""
        if self._route is None:
            return
        estimates = self._route.estimates
        before = estimates.prices
        if estimates.moved(now_s):
            for each in self._graphs:
                if not before.same_seconds(estimates.prices):
                    each.cost(self._costs())
                if before.bytes != estimates.prices.bytes and each.layer is not None:
                    each.resize(self._encodings_now())

    def _used(self, graph: GraphSplits) -> Partition | None:
        """The split in use while frames are offloaded, as one of this graph.

        A frame that was sent as packets has none in the model's own graph: then it is the one that was used there last.
        So two graphs that answer in turn do not keep to two splits that are about as good.
        """
        last = self._last
        if last is None or last.phase is not Phase.OFFLOADING:
            return None
        if graph is self._asked or last.packets:
            return graph.chosen
        return graph.inward(last.partition) if graph.knows(last.partition.encoding) else None

    def _due(self, graph: GraphSplits, used: Partition | None, conditions: Conditions, now_s: float) -> bool:
        earlier = graph.conditions
        if earlier is None or self._policy.asked_always or conditions.jumped(earlier) or not graph.stays(used):
            return True
        if graph.contrary_since_s is not None and now_s - graph.contrary_since_s >= self._config.mode_dwell_s:
            return True
        if self._substitution is not None and self._substitution.is_due(graph):
            return True
        return conditions.moved(earlier, self._config.tolerance)

    def _told(self, graph: GraphSplits) -> Plan:
        """A graph's plan, with what it changes for the frame after the last one."""
        plan, last = graph.plan, self._last
        if plan is None:
            raise RuntimeError("a plan was told before it was decided")
        switched = last is not None and last.partition.edge != plan.partition.edge
        self.switches += switched
        if (plan.changed, plan.serial) != (switched, self.switches):
            graph.plan = plan = dataclasses.replace(plan, changed=switched, serial=self.switches)
        self._asked, self._last, self.mode = graph, plan, plan.mode
        return plan

    def _decided(self, graph: GraphSplits, conditions: Conditions) -> Plan:
        offloads, awaited = conditions.phase is Phase.OFFLOADING, None
        if offloads:
            choice = self._policy_choice(graph, conditions)
            if self._is_forbidden(graph, choice.partition):
                choice = keep_to(graph.everything, graph.splits, conditions)
            if self._substitution is not None:
                choice, awaited = self._substitution.choice(graph, choice, conditions)
            mode = self._held_mode(graph, choice, conditions)
        else:
            for each in self._graphs:
                each.nothing_sent()
            choice = keep_to(graph.everything, graph.splits, conditions)
            mode = choice.mode
        graph.chosen = choice.partition if offloads else None
        return self._plan_for(graph, choice, mode, conditions, awaited)

    def _is_forbidden(self, graph: GraphSplits, split: Partition) -> bool:
        """Whether the cloud cannot answer a split; packets are never forbidden, but refused."""
        if not can_be_sent(graph.graph, split):
            return True
        if not self._forbidden or graph.sends_packets(split):
            return False
        return graph.outward(split, cloud_load=1.0).edge in self._forbidden

    def _policy_choice(self, graph: GraphSplits, conditions: Conditions) -> Choice:
        """The policy's choice."""
        splits = graph.splits
        if not isinstance(splits, LiveSplits):
            self.decisions += not self._policy.keeps_to_split
            return self._policy.choose(splits, conditions)
        splits.question = None
        choice = self._policy.choose(splits, conditions)
        graph.work.asked(splits, conditions)
        self.decisions += splits.current and splits.question is not None
        return choice

    def _held_mode(self, graph: GraphSplits, choice: Choice, conditions: Conditions) -> Mode:
        """The mode. While a chosen split stays, it changes with a new rate or after the other mode's dwell time."""
        used, now_s = conditions.used, conditions.now_s
        chosen = choice.partition.edge, choice.partition.encoding
        keeps = self._policy.keeps_to_split  # then the mode chooses nothing, but a deadline depends on it
        if keeps or used is None or chosen != (used.edge, used.encoding) or choice.mode is graph.mode:
            graph.contrary_since_s = None
            return choice.mode
        if graph.contrary_since_s is None:
            graph.contrary_since_s = now_s
        new_rate = graph.conditions is not None and graph.conditions.rate_hz != conditions.rate_hz
        if new_rate or now_s - graph.contrary_since_s >= self._config.mode_dwell_s:
            graph.contrary_since_s = None
            return choice.mode
        return graph.mode

    def _plan_for(
        self, graph: GraphSplits, choice: Choice, mode: Mode, conditions: Conditions, awaited: frozenset[str] | None
    ) -> Plan:
        config, split = self._config, choice.partition
        packets, offloads = graph.sends_packets(split), split.edge != graph.everything
        partition = graph.outward(split, conditions.cloud_load)
        in_flight = frames_in_flight(split, conditions.rate_hz, config.most_in_flight, offloads=offloads)
        deadline_s = math.inf
        if offloads:
            here_s = None if self._policy.keeps_to_split else price(graph.everything, graph.splits, conditions).edge_s
            deadline_s = answer_deadline_s(split, mode, in_flight, conditions, config, here_s)
        route = self._route
        return Plan(
            partition=partition,
            mode=mode,
            keeps_up=split.bottleneck_s * conditions.rate_hz < 1.0,
            max_rate_hz=choice.max_rate_hz * config.headroom,
            serial=self.switches,
            changed=False,
            phase=conditions.phase,
            uplink_bps=conditions.uplink_bps,
            deadline_s=deadline_s,
            in_flight=in_flight,
            edge_load=conditions.edge_load,
            cloud_load=conditions.cloud_load,
            measured_bytes=self._measured_bytes(partition, packets=packets),
            downlink_bps=conditions.downlink_bps,
            answer_s=8.0 * answer_bytes(graph.graph, split.edge) / conditions.link.downlink_bps,
            packets=packets,
            picture_s=0.0 if route is None else route.picture_s(split, conditions.edge_load, packets=packets),
            awaited=awaited,
        )

    def _measured_bytes(self, partition: Partition, *, packets: bool) -> float:
        if packets and self._route is not None:
            return self._route.estimates.prices.bytes
        positions = map(self._graph.structure.position.__getitem__, partition.cut)
        return bytes_of(self._encodings, partition.encoding, positions)

    def _costs(self) -> CostProfile:
        """Costs of the model; the cloud's times are 0 while unknown, and no split that needs them is used then."""
        return CostProfile(edge_s=self._edge_s, cloud_s=self._cloud_s or (0.0,) * len(self._graph.layers))

    def _encodings_now(self) -> tuple[Encoding, ...]:
        """The encodings that the cloud accepts, at the sizes of now."""
        return tuple(
            encoding.priced(self._decode_s[encoding.name], self._sizes.ratio(encoding.name))
            for encoding in usable(self._encodings, self._decode_s)
        )
