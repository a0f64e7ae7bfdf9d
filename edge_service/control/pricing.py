"""One way to ask for the best split, whether the model's splits can be listed or not."""

import math
from typing import Protocol

from partitioner import CostProfile, Decision, LayerGraph, Link, Partition, SplitTable, TooManySplitsError
from partitioner import decide as search
from partitioner import dsl as shortest
from partitioner import evaluate as price


class Splits(Protocol):
    """What `SplitTable` and `SearchedSplits` have in common."""

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """The best split for a link, a rate and two load factors."""
        ...

    def evaluate(
        self, edge: frozenset[str], link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """The price of one closed set."""
        ...

    def with_costs(self, costs: CostProfile) -> "Splits":
        """The same splits with other times."""
        ...


class SearchedSplits:
    """The same answers for a graph with too many splits to list: each is a search, so ask rarely."""

    def __init__(self, graph: LayerGraph, costs: CostProfile) -> None:
        self._graph = graph
        self._costs = costs

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """As `SplitTable.decide`; while the load is light, `max_rate_hz` is only what is known to be possible.

        One minimum cut settles light load; the search for throughput takes some twenty times longer.
        """
        costs = self._scaled(edge_load, cloud_load)
        fastest = shortest(self._graph, costs, link)
        if fastest.bottleneck_s * rate_hz >= 1.0:
            return search(self._graph, costs, link, rate_hz)
        bottleneck_s = min(fastest.bottleneck_s, math.fsum(costs.edge_s))
        max_rate_hz = 1.0 / bottleneck_s if bottleneck_s > 0.0 else math.inf
        return Decision(partition=fastest, mode="light", keeps_up=True, max_rate_hz=max_rate_hz)

    def evaluate(
        self, edge: frozenset[str], link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """As `SplitTable.evaluate`."""
        return price(self._graph, self._scaled(edge_load, cloud_load), link, edge)

    def with_costs(self, costs: CostProfile) -> "SearchedSplits":
        """As `SplitTable.with_costs`."""
        return SearchedSplits(self._graph, costs)

    def _scaled(self, edge_load: float, cloud_load: float) -> CostProfile:
        return CostProfile(
            edge_s=tuple(seconds * edge_load for seconds in self._costs.edge_s),
            cloud_s=tuple(seconds * cloud_load for seconds in self._costs.cloud_s),
        )


def splits_of(graph: LayerGraph, costs: CostProfile) -> tuple[Splits, bool]:
    """The listed splits of a graph where they can be listed; else a search.

    Returns:
        The splits, and whether they are listed, so that asking is cheap.
    """
    try:
        return SplitTable(graph, costs), True
    except TooManySplitsError:
        return SearchedSplits(graph, costs), False
