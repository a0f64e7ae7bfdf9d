"""The decision seam: one object that answers "what is best now", whether a model's splits can be listed or not.

`splits_of` gives a `SplitTable`, which scans every closed set, or, where these are too many, `SearchedSplits`, which
searches. Both answer the same three questions, `dsl`, `dsh` and `decide`, for any link, rate and load factors. Whatever
decides asks one of them, and need not know which; `listed` says how often it may ask.
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

    Of each question, `link` is the network, `rate_hz` the frames per second, and the loads multiply the profile's times
    of either side, those of encoding and decoding included.
    """

    @property
    def listed(self) -> bool:
        """Whether every split is listed.

        Then a question takes microseconds. Else it is a search: milliseconds for the lowest latency, up to seconds for
        heavy load.
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
        """What a cut may be sent in; raw alone where none were given."""
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
        """Tells light load from heavy, and returns the split and encoding for it; see `partitioner.decide`."""
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
        """Prices one closed set, given by the names of its layers; see `partitioner.evaluate`."""
        ...

    def with_costs(self, costs: CostProfile) -> "Splits":
        """Returns the same splits with other times; what depends on the graph alone is shared."""
        ...

    def with_encodings(self, encodings: Sequence[Encoding]) -> "Splits":
        """Returns the same splits with other encodings to choose from; likewise."""
        ...


def splits_of(
    graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = (), *, max_sets: int = 2_000_000
) -> Splits:
    """Returns the listed splits of a graph that has at most `max_sets` of them; else a search.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, or two encodings have one name.
    """
    try:
        return SplitTable(graph, costs, max_sets, encodings)
    except TooManySplitsError:
        return SearchedSplits(graph, costs, encodings)
