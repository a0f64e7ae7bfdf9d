"""The decision seam for a model with too many splits to list: every question is a search."""

import copy
import math
from collections.abc import Collection, Sequence

from partitioner.costs import CostProfile, Link, check_loads, check_rate
from partitioner.encodings import Encoding, check_encodings, find_encoding
from partitioner.evaluate import feasible_positions, price
from partitioner.graph import LayerGraph
from partitioner.partition import Decision, Partition
from partitioner.searched.each_encoding import EachEncoding
from partitioner.searched.lowest_latency import dsl_by_min_cut, lowest_latency
from partitioner.searched.min_cut import CutNetwork, model_arcs
from partitioner.searched.problem import Problem


class SearchedSplits:
    """Every way to split one model, priced for one profile; see `partitioner.splits.Splits`.

    A question of light load takes milliseconds, a question of heavy load tenths of a second.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        encodings: Encodings to choose from; if empty, only raw: the graph's bytes, without encoding time.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, or two encodings have one name.
    """

    def __init__(self, graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = ()) -> None:
        costs.check(graph)
        self._graph, self._costs = graph, costs
        self._encodings = check_encodings(graph, encodings)
        self._network = CutNetwork(model_arcs(graph.structure))

    @property
    def listed(self) -> bool:
        """False; see `partitioner.splits`."""
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
        """The encodings to choose from."""
        return self._encodings

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """As `SplitTable.dsl`, exact too: a minimum cut for each encoding. Ties are broken in no defined order."""
        problems = self._problems(link, edge_load, cloud_load)
        return lowest_latency([dsl_by_min_cut(problem) for problem in problems])

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """As `SplitTable.dsh`: the best that was found, with a proven bound."""
        problems = self._problems(link, edge_load, cloud_load)
        return EachEncoding(problems, [dsl_by_min_cut(problem) for problem in problems]).heavy(rate_hz)

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """As `SplitTable.decide`; under light load, a higher rate than `max_rate_hz` may be possible.

        Light load needs one minimum cut for each encoding. A search for the highest rate would take about twenty times
        as long.
        """
        check_rate(rate_hz, "rate_hz")
        period_s = 1.0 / rate_hz
        problems = self._problems(link, edge_load, cloud_load)
        fastest = [dsl_by_min_cut(problem) for problem in problems]
        partition = lowest_latency(fastest)
        light = partition.bottleneck_s < period_s
        if light:
            smallest_s = min(partition.bottleneck_s, problems[0].edge_only().bottleneck_s)
        else:
            search = EachEncoding(problems, fastest)
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
        check_loads(edge_load, cloud_load)
        inside = feasible_positions(self._graph, edge)
        named = find_encoding(self._encodings, encoding)
        return price(self._graph, self._costs, link, inside, named, edge_load=edge_load, cloud_load=cloud_load)

    def with_costs(self, costs: CostProfile) -> "SearchedSplits":
        """As `SplitTable.with_costs`: the flow network is shared."""
        costs.check(self._graph)
        splits = copy.copy(self)
        splits._costs = costs  # noqa: SLF001  # a copy of this very class
        return splits

    def with_encodings(self, encodings: Sequence[Encoding]) -> "SearchedSplits":
        """As `SplitTable.with_encodings`: the flow network is shared."""
        splits = copy.copy(self)
        splits._encodings = check_encodings(self._graph, encodings)  # noqa: SLF001  # a copy of this very class
        return splits

    def _problems(self, link: Link, edge_load: float, cloud_load: float) -> list[Problem]:
        check_loads(edge_load, cloud_load)
        return [
            Problem.of(
                self._graph,
                self._costs,
                link,
                encoding,
                edge_load=edge_load,
                cloud_load=cloud_load,
                network=self._network,
            )
            for encoding in self._encodings
        ]
