"""The decision seam: one object that answers "what is best now", whether a model's splits can be listed or not.

`splits_of` returns a `SplitTable`, which scans every closed set, or, if these are too many, `SearchedSplits`, which
searches. Both answer the same three questions, `dsl`, `dsh` and `decide`, for any link, rate and load factors. Callers
need not know which of them they have; `listed` says whether a question is cheap.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.errors import TooManySplitsError
from partitioner.graph import LayerGraph
from partitioner.listed.split_table import SplitTable
from partitioner.partition import Decision, Partition
from partitioner.searched.searched_splits import SearchedSplits


class Splits(Protocol):
    """Every way to split one model, priced for one profile.

    In each question, `link` is the network and `rate_hz` the frames per second. The loads, finite and at least 0,
    multiply the profile's times of either side, encoding and decoding included.
    """

    @property
    def listed(self) -> bool:
        """Whether every split is listed.

        Then a question takes microseconds. Else each question is a search, which takes milliseconds for the lowest
        latency and up to seconds for heavy load.
        """
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
        """The encodings to choose from; only raw if none were given."""
        ...

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """Returns the split and encoding of the lowest latency; see `partitioner.dsl`."""
        ...

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """Returns the split and encoding for heavy load; see `partitioner.dsh`."""
        ...

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """Decides between light and heavy load, and returns the split and encoding for it; see `partitioner.decide`."""
        ...

    def evaluate(
        self,
        edge: Collection[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """Prices one closed set, given by the names of its layers; see `partitioner.evaluate`.

        `encoding` names one of the encodings; "raw" is always there: the graph's bytes, without encoding time.
        """
        ...

    def with_costs(self, costs: CostProfile) -> "Splits":
        """Returns the same splits with other times; what depends only on the graph is shared."""
        ...

    def with_encodings(self, encodings: Sequence[Encoding]) -> "Splits":
        """Returns the same splits with other encodings; what depends only on the graph is shared."""
        ...


def splits_of(
    graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = (), *, max_sets: int = 50_000
) -> Splits:
    """Returns the splits of a graph: listed if there are at most `max_sets`, else searched.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, or two encodings have one name.
    """
    try:
        return SplitTable(graph, costs, max_sets, encodings)
    except TooManySplitsError:
        return SearchedSplits(graph, costs, encodings)
