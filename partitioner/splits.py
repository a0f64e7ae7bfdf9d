"""The decision seam: one object that answers "what is best now", whether a model's splits can be listed or not.

`splits_of` gives a `SplitTable`, which scans every closed set, or where there are too many `SearchedSplits`, which
searches. Both answer the same three questions, `dsl`, `dsh` and `decide`, for any link, rate and load factors;
everything that decides asks one of them.
"""

from collections.abc import Sequence
from typing import Protocol

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.errors import TooManySplitsError
from partitioner.graph import LayerGraph
from partitioner.listed.split_table import SplitTable
from partitioner.partition import Decision, Partition
from partitioner.searched.searched_splits import SearchedSplits


class Splits(Protocol):
    """Every way to split one model, priced for one profile."""

    @property
    def listed(self) -> bool:
        """Whether the splits are listed, so that a question takes microseconds; else each one is a search."""
        ...

    @property
    def graph(self) -> LayerGraph:
        """The model."""
        ...

    @property
    def costs(self) -> CostProfile:
        """The times that splits are priced with."""
        ...

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """What a cut may be sent in; raw alone where none were given."""
        ...

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """The split and encoding of the lowest latency."""
        ...

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """The split and encoding for heavy load."""
        ...

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """Light or heavy, and the split and encoding for it."""
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


def splits_of(
    graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = (), *, max_sets: int = 2_000_000
) -> Splits:
    """The listed splits of a graph where there are at most `max_sets`; else a search.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, or two encodings have one name.
    """
    try:
        return SplitTable(graph, costs, max_sets, encodings)
    except TooManySplitsError:
        return SearchedSplits(graph, costs, encodings)
