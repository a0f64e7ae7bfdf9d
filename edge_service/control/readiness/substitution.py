"""What runs while the parts of the policy's choice are not ready: the policy's choice of the splits that are.

The first choice stays wanted: it is told in the plan, and planned as soon as it is ready and still better by the
policy's own margin. So waiting adds no switch to and fro.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from edge_service.control.conditions import Conditions
from edge_service.control.plan import Mode
from edge_service.control.policies.policy import Choice, Policy
from edge_service.control.pricing import price
from edge_service.control.readiness.preparing import Preparing
from edge_service.control.tables import GraphSplits
from partitioner.splits import Splits


class Substitution:
    """See the module docstring.

    Args:
        preparing: Knows which splits are ready.
        policy: What chooses. One that keeps to a split is not asked for another: its split is prepared at the start.
        forbidden: The splits that the cloud cannot answer; shared with the planner.
    """

    def __init__(self, preparing: Preparing, policy: Policy, forbidden: AbstractSet[frozenset[str]]) -> None:
        self._preparing, self._policy, self._forbidden = preparing, policy, forbidden

    def choice(
        self, graph: GraphSplits, wanted: Choice, conditions: Conditions
    ) -> tuple[Choice, frozenset[str] | None]:
        """The wanted choice if it is ready, or else the best of those that are, and what is awaited.

        If nothing is ready, it is the wanted one: its parts are made first.
        """
        graph.ready = None
        edge = graph.of_model(wanted.partition.edge)
        if self._policy.keeps_to_split or self._preparing.ready(edge):
            return wanted, None
        graph.ready = self._ready(graph)
        if not graph.ready:
            return wanted, None
        among = graph.among(graph.ready)
        if conditions.used is not None and conditions.used.edge not in graph.ready:
            conditions = replace(conditions, used=None)
        choice = self._policy.choose(among, conditions)
        return (choice if choice.partition.edge in graph.ready else _best(among, conditions)), edge

    def is_due(self, graph: GraphSplits) -> bool:
        """Whether other splits are ready than when the plan had to be made of these, or its own is so no longer."""
        if graph.plan is None or graph.chosen is None or self._policy.keeps_to_split:
            return False
        if graph.ready is None:
            return not self._preparing.ready(graph.plan.partition.edge)
        return graph.ready != self._ready(graph)

    def _ready(self, graph: GraphSplits) -> tuple[frozenset[str], ...]:
        """The splits of a graph that are ready, and that the cloud can answer."""
        ready = (edge for edge in self._preparing.candidates() if self._preparing.ready(edge))
        return tuple(each for edge in ready for each in graph.like(edge, packets_only=edge in self._forbidden))


def _best(splits: Splits, conditions: Conditions) -> Choice:
    """The best of splits for a policy that chooses from no others than its own."""
    link, edge_load, cloud_load = conditions.link, conditions.edge_load, conditions.cloud_load
    rate_hz = conditions.rate_hz / conditions.headroom
    decision = splits.decide(link, rate_hz, edge_load=edge_load, cloud_load=cloud_load)
    partition = price(decision.partition.edge, splits, conditions, decision.partition.encoding)
    return Choice(partition, Mode(decision.mode), decision.max_rate_hz)
