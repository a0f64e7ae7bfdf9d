"""The best split in microseconds for any graph: a scan over split points that were found in advance.

The points hold every split that can win under light load (see `partitioner.tabled.lower_hull`), so light load is
exact. Under heavy load the best of them is within a proven factor of the best of all (see
`partitioner.tabled.frontier`).
"""

import copy
import math
from collections.abc import Collection, Sequence

from partitioner.costs import CostProfile, Link, check_loads, check_rate
from partitioner.encodings import Encoding, check_encodings, find_encoding
from partitioner.evaluate import feasible_positions, price
from partitioner.graph import LayerGraph
from partitioner.partition import Decision, Partition
from partitioner.scan import Stages
from partitioner.tabled.points import Points
from partitioner.tabled.proof import Proof


class TabledSplits:
    """Split points of one model, priced for one profile; made by `partitioner.tabulate`.

    Args:
        graph: The model.
        costs: The times that the points are priced with.
        encodings: The encodings to choose from; valid for the graph.
        points: The points.
        proof: What is proven about all other splits.
    """

    def __init__(
        self, graph: LayerGraph, costs: CostProfile, encodings: tuple[Encoding, ...], points: Points, proof: Proof
    ) -> None:
        self._graph, self._costs, self._encodings = graph, costs, encodings
        self._points, self._proof = points, proof

    @property
    def listed(self) -> bool:
        """True: a question is a scan; see `partitioner.splits`."""
        return True

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

    def __len__(self) -> int:
        return len(self._points)

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """Returns the split of the lowest latency; see `Splits.dsl`."""
        return _Question(self, link, edge_load, cloud_load).light()

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """Returns the best point for heavy load, with a proven bound; see `Splits.dsh`."""
        if rate_hz is not None:
            check_rate(rate_hz, "rate_hz")
        return _Question(self, link, edge_load, cloud_load).heavy(rate_hz)

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """Decides between light and heavy load, and returns the best point for it; see `Splits.decide`.

        `max_rate_hz` is that of the smallest bottleneck of all points.
        """
        check_rate(rate_hz, "rate_hz")
        question = _Question(self, link, edge_load, cloud_load)
        period_s = 1.0 / rate_hz
        light = bool(question.stages.bottleneck_s[question.lowest] < period_s)
        partition = question.light() if light else question.heavy(rate_hz)
        smallest_s = float(question.stages.bottleneck_s.min())
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
        """Prices any split, given by the names of its edge layers; see `Splits.evaluate`.

        Raises:
            PartitionError: The split is not feasible, or there is no such encoding.
        """
        check_loads(edge_load, cloud_load)
        inside = feasible_positions(self._graph, edge)
        named = find_encoding(self._encodings, encoding)
        return price(self._graph, self._costs, link, inside, named, edge_load=edge_load, cloud_load=cloud_load)

    def with_costs(self, costs: CostProfile) -> "TabledSplits":
        """Returns the same points at other costs, at once; nothing is proven then, so bounds are 0.

        Raises:
            PartitionError: The costs do not fit the graph.
        """
        costs.check(self._graph)
        return self._with(costs, self._encodings, self._points.with_costs(costs))

    def with_encodings(self, encodings: Sequence[Encoding]) -> "TabledSplits":
        """Returns the same splits, each in each of these encodings, at once; bounds are 0 then.

        Raises:
            PartitionError: An encoding does not fit the graph, or two have one name.
        """
        checked = check_encodings(self._graph, encodings)
        points = Points(self._graph, self._costs, checked, self._points.inside())
        return self._with(self._costs, checked, points)

    def _with(self, costs: CostProfile, encodings: tuple[Encoding, ...], points: Points) -> "TabledSplits":
        splits = copy.copy(self)
        splits._costs, splits._encodings = costs, encodings  # noqa: SLF001  # a copy of this very class
        splits._points, splits._proof = points, Proof()  # noqa: SLF001
        return splits


class _Question:
    """One link and load: the points' stages, and answers with their bounds."""

    def __init__(self, table: TabledSplits, link: Link, edge_load: float, cloud_load: float) -> None:
        self._table, self._points, self._proof = table, table._points, table._proof  # noqa: SLF001  # of this module
        self.stages: Stages = self._points.choices.at(link, edge_load, cloud_load)
        self.lowest = self.stages.lowest_latency()

    def light(self) -> Partition:
        return self._partition(self.lowest, self._proof.latency_s(self.stages))

    def heavy(self, rate_hz: float | None) -> Partition:
        stages = self.stages
        best = None if rate_hz is None else stages.lowest_latency_at(rate_hz)
        if rate_hz is not None and best is not None:
            bound_s = self._proof.latency_at_s(stages, 1.0 / rate_hz)
            return self._partition(best, min(bound_s, float(stages.latency_s[best])))
        best = stages.smallest_bottleneck()
        bound_s = self._proof.bottleneck_s(stages)
        return self._partition(best, min(bound_s, float(stages.bottleneck_s[best])))

    def _partition(self, point: int, lower_bound_s: float) -> Partition:
        points, stages = self._points, self.stages
        edge, cut = points.edge_and_cut(point)
        offloads = point < len(points) - 1
        return Partition(
            edge=edge,
            cut=cut,
            edge_s=float(stages.edge_s[point]),
            transfer_s=float(stages.transfer_s[point]),
            cloud_s=float(stages.cloud_s[point]),
            fixed_s=stages.link.fixed_s if offloads else 0.0,
            lower_bound_s=lower_bound_s,
            encoding=self._table.encodings[points.encoding(point)].name if offloads else "raw",
            encode_s=float(points.encode_s[point]) * stages.edge_load,
            decode_s=float(points.decode_s[point]) * stages.cloud_load,
        )
