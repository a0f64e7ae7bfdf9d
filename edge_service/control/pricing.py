"""One way to ask for the best split, whether the model's splits can be listed or not."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

from partitioner import (
    CostProfile,
    Decision,
    Encoding,
    LayerGraph,
    Link,
    Partition,
    PartitionError,
    SplitTable,
    TooManySplitsError,
)
from partitioner import decide as search
from partitioner import dsl as shortest
from partitioner import evaluate as price


class Splits(Protocol):
    """What `SplitTable` and `SearchedSplits` have in common."""

    def decide(
        self,
        link: Link,
        rate_hz: float,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        uplink_interval_bps: tuple[float, float] | None = None,
    ) -> Decision:
        """The best split and encoding for a link, a rate and two load factors."""
        ...

    def evaluate(
        self,
        edge: frozenset[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """The price of one closed set."""
        ...

    def with_costs(self, costs: CostProfile) -> "Splits":
        """The same splits with other times."""
        ...

    def with_encodings(self, encodings: Sequence[Encoding]) -> "Splits":
        """The same splits with other encodings to choose from."""
        ...


class SearchedSplits:
    """The same answers for a graph with too many splits to list: each is a search, so ask rarely."""

    def __init__(self, graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = ()) -> None:
        self._graph = graph
        self._costs = costs
        self._encodings = tuple(encodings)

    def decide(
        self,
        link: Link,
        rate_hz: float,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        uplink_interval_bps: tuple[float, float] | None = None,
    ) -> Decision:
        """As `SplitTable.decide`; while the load is light, `max_rate_hz` is only what is known to be possible.

        One minimum cut settles light load; the search for throughput takes some twenty times longer.
        """
        if uplink_interval_bps is not None:
            link = link.at_worst(uplink_interval_bps)
        decision = self._decide(link, rate_hz, *self._scaled(edge_load, cloud_load))
        return (
            decision
            if uplink_interval_bps is None
            else dataclasses.replace(decision, worst_case_uplink_bps=link.uplink_bps)
        )

    def _decide(self, link: Link, rate_hz: float, costs: CostProfile, encodings: tuple[Encoding, ...]) -> Decision:
        fastest = shortest(self._graph, costs, link, encodings)
        if fastest.bottleneck_s * rate_hz >= 1.0:
            return search(self._graph, costs, link, rate_hz, encodings=encodings)
        bottleneck_s = min(fastest.bottleneck_s, math.fsum(costs.edge_s))
        max_rate_hz = 1.0 / bottleneck_s if bottleneck_s > 0.0 else math.inf
        return Decision(partition=fastest, mode="light", keeps_up=True, max_rate_hz=max_rate_hz)

    def evaluate(
        self,
        edge: frozenset[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """As `SplitTable.evaluate`."""
        costs, encodings = self._scaled(edge_load, cloud_load)
        named = next((each for each in encodings if each.name == encoding), None)
        if named is None and encoding != "raw":
            raise PartitionError(
                f"encoding {encoding!r} is not one to choose from; there are {[each.name for each in encodings]}"
            )
        return price(self._graph, costs, link, edge, named)

    def with_costs(self, costs: CostProfile) -> "SearchedSplits":
        """As `SplitTable.with_costs`."""
        return SearchedSplits(self._graph, costs, self._encodings)

    def with_encodings(self, encodings: Sequence[Encoding]) -> "SearchedSplits":
        """As `SplitTable.with_encodings`."""
        return SearchedSplits(self._graph, self._costs, encodings)

    def _scaled(self, edge_load: float, cloud_load: float) -> tuple[CostProfile, tuple[Encoding, ...]]:
        """Loads the times of either side, encoding and decoding included."""
        costs = CostProfile(_times(self._costs.edge_s, edge_load), _times(self._costs.cloud_s, cloud_load))
        encodings = tuple(
            dataclasses.replace(
                each, encode_s=_times(each.encode_s, edge_load), decode_s=_times(each.decode_s, cloud_load)
            )
            for each in self._encodings
        )
        return costs, encodings


def _times(seconds: tuple[float, ...], load: float) -> tuple[float, ...]:
    return tuple(each * load for each in seconds)


def splits_of(graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = ()) -> tuple[Splits, bool]:
    """The listed splits of a graph where they can be listed; else a search.

    Returns:
        The splits, and whether they are listed, so that asking is cheap.
    """
    try:
        return SplitTable(graph, costs, encodings=encodings), True
    except TooManySplitsError:
        return SearchedSplits(graph, costs, encodings), False
