"""Which splits' parts to prepare, in which order: the split in use, then the one that is waited for, then the rest.

    splits in use, and waited for ──┐
    Rank ──► Choosable ─────────────┴──► the order, told whenever it changes

The rest is ordered by how near the conditions of now are to those in which a split is the best. It is ordered again
when the split in use changes, or when the link or a load has changed by much. Which splits are the best is asked again
when costs or encodings change.
"""

import math
from collections.abc import Callable

from edge_service.control.conditions import Conditions
from edge_service.control.plan import Plan
from edge_service.control.policies.adaptive import Adaptive
from edge_service.control.policies.chain import Chain
from edge_service.control.policies.policy import Policy
from edge_service.control.pricing import everything, inputs
from edge_service.control.readiness.choosable import Choosable, Rank
from edge_service.control.tables import GraphSplits
from edge_service.control.tables import Job as TableJob
from edge_service.control.tables.numbers import Numbers
from partitioner.splits import Splits

Job = TableJob | Rank
Ready = Callable[[frozenset[str]], bool]
"""Whether the split with these layers on the edge runs now without waiting for a part to be prepared."""

# Splits in use before: their tails may have to run here for frames that are still under way.
_RECENT = 2
# Estimates that changed by less, relatively, leave the order as it is.
_MUCH = 0.5
# From the begin of a ranking to that of the next, in durations of the first: so it takes little of the time.
_PERIOD = 10.0


class Preparing:
    """See the module docstring. Splits are those of the model, without a layer for packets.

    Args:
        splits: The model's splits.
        policy: What chooses splits.
        ready: Whether a split is ready; called for every plan.
    """

    def __init__(self, splits: Splits, policy: Policy, ready: Ready) -> None:
        self.ready = ready
        self._everything, self._inputs = everything(splits), inputs(splits)
        self._uses_cloud = policy.uses_cloud
        self._kept = policy.kept(splits)
        self._ranker = None if policy.keeps_to_split else Chain() if isinstance(policy, Chain) else Adaptive(0.0)
        self._choosable: Choosable | None = None
        self._rankings = 0
        self._candidates: tuple[frozenset[str], ...] = ()
        self._recent: tuple[frozenset[str], ...] = ()
        self._told: tuple[frozenset[str], ...] = ()
        self._told_for: tuple[object, ...] | None = None
        self._near: Conditions | None = None
        self._running: Rank | None = None
        self._ranked: Numbers | None = None
        self._seen: Splits | None = None
        self._began_s = self._rests_until_s = -math.inf

    @property
    def first(self) -> frozenset[str]:
        """The split that must be ready before the first frame: the one that is kept to, or edge-only."""
        return self._kept or self._everything

    @property
    def busy(self) -> bool:
        """Whether a ranking was begun and has not ended."""
        return self._running is not None

    def candidates(self) -> tuple[frozenset[str], ...]:
        """The splits that may be ready, best candidates first."""
        return tuple(dict.fromkeys([*self._candidates, *self._recent, self._everything, self._inputs]))

    def work_due(self, graph: GraphSplits, now_s: float) -> Rank | None:
        """The ranking to begin now, or None. Until it has ended, the next calls return None.

        Args:
            graph: The splits that were asked last, at the cloud's times.
            now_s: The time.
        """
        table = graph.table
        if self._ranker is None or self.busy or table is None or table is self._seen or now_s < self._rests_until_s:
            return None
        self._seen, numbers = table, Numbers(table.graph, table.costs, table.encodings)
        if self._ranked is not None and self._ranked.graph is numbers.graph and numbers.near(self._ranked):
            return None
        self._ranked, self._began_s = numbers, now_s
        self._running = Rank(table, self._ranker, graph.layer)
        return self._running

    def ended(self, job: Job, result: object, now_s: float) -> None:
        """Takes the result of a ranking, None if it failed; other jobs are ignored."""
        if job is not self._running:
            return
        self._running = None
        self._rests_until_s = self._began_s + _PERIOD * (now_s - self._began_s)
        if isinstance(result, Choosable):
            self._choosable, self._candidates = result, result.order()
            self._rankings += 1

    def order_due(
        self, plan: Plan | None, conditions: Conditions | None, *, cloud_known: bool
    ) -> tuple[frozenset[str], ...] | None:
        """The order, if it has changed since it was told last.

        Args:
            plan: The plan in use; None before the first.
            conditions: Those of the last plan.
            cloud_known: Whether frames may be offloaded.
        """
        used = self.first if plan is None else plan.partition.edge
        awaited = None if plan is None else plan.awaited
        if used not in self._recent[:1]:
            self._recent = (used, *(each for each in self._recent if each != used))[:_RECENT]
        told_for = self._recent, awaited, self._rankings, cloud_known
        if told_for == self._told_for and not self._has_moved(conditions):
            return None
        self._told_for, self._near = told_for, conditions
        order = [used, *([] if awaited is None else [awaited]), *self._recent, self.first, self._everything]
        if cloud_known and self._ranker is not None:
            order.append(self._inputs)
        if self._choosable is not None:
            order += self._choosable.order(conditions)
        told, self._told = self._told, tuple(dict.fromkeys(order))
        return self._told if self._told != told else None

    def _has_moved(self, conditions: Conditions | None) -> bool:
        if self._choosable is None or conditions is None:
            return False
        return self._near is None or conditions.moved(self._near, _MUCH)
