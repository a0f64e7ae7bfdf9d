"""The same answers as the closed-set table's, for a graph with too many splits to list: each is a search."""

import dataclasses
import math
from collections.abc import Collection, Sequence

from partitioner.costs import CostProfile, Link, check_rate
from partitioner.encodings import Encoding, check_encodings, find_encoding
from partitioner.evaluate import feasible_positions, price
from partitioner.graph import LayerGraph
from partitioner.partition import Decision, Partition
from partitioner.searched.each_encoding import EachEncoding
from partitioner.searched.lowest_latency import dsl_by_min_cut, lowest_latency


class SearchedSplits:
    """The same answers for a graph with too many splits to list: each is a search, so ask rarely."""

    def __init__(self, graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = ()) -> None:
        self._graph = graph
        self._costs = costs
        costs.check(graph)
        self._encodings = check_encodings(graph, encodings)

    @property
    def listed(self) -> bool:
        """False."""
        return False

    @property
    def graph(self) -> LayerGraph:
        """The model."""
        return self._graph

    @property
    def costs(self) -> CostProfile:
        """The times that splits are priced with."""
        return self._costs

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """What a cut may be sent in."""
        return self._encodings

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """As `SplitTable.dsl`, exact too: a minimum cut for each encoding. Ties are broken as the cuts fall."""
        costs, encodings = self._scaled(edge_load, cloud_load)
        return lowest_latency([dsl_by_min_cut(self._graph, costs, link, each) for each in encodings])

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """As `SplitTable.dsh`: the best that was found, with a proven bound."""
        costs, encodings = self._scaled(edge_load, cloud_load)
        return EachEncoding(self._graph, costs, link, encodings).heavy(rate_hz)

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """As `SplitTable.decide`; while the load is light, `max_rate_hz` is only what is known to be possible.

        One minimum cut settles light load; the search for throughput takes some twenty times longer.
        """
        check_rate(rate_hz, "rate_hz")
        period_s = 1.0 / rate_hz
        costs, encodings = self._scaled(edge_load, cloud_load)
        fastest = lowest_latency([dsl_by_min_cut(self._graph, costs, link, each) for each in encodings])
        light = fastest.bottleneck_s < period_s
        if light:
            partition, smallest_s = fastest, min(fastest.bottleneck_s, math.fsum(costs.edge_s))
        else:
            search = EachEncoding(self._graph, costs, link, encodings)
            partition = search.heavy(rate_hz)
            smallest_s = min(partition.bottleneck_s, search.smallest_bottleneck_s())
        return Decision(
            partition=partition,
            mode="light" if light else "heavy",
            keeps_up=partition.bottleneck_s < period_s,
            max_rate_hz=1.0 / smallest_s if smallest_s > 0.0 else math.inf,
        )

    def evaluate(
        self,
        edge: Collection[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """As `SplitTable.evaluate`."""
        inside = feasible_positions(self._graph, edge)
        named = find_encoding(self._encodings, encoding)
        return price(self._graph, self._costs, link, inside, named, edge_load=edge_load, cloud_load=cloud_load)

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
