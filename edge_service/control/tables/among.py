"""A few of a model's splits as if there were no others: the best of those that can run now."""

import math
from collections.abc import Collection, Sequence

from edge_service.control.tables.question import Question
from partitioner import CostProfile, Decision, Encoding, LayerGraph, Link, Partition
from partitioner.splits import Splits


class Among:
    """See the module docstring. A question prices each split in each encoding, so there should be few.

    Args:
        splits: The model's splits at current times and sizes.
        edges: The layers on the edge of each split, at least one; of equally good ones the first is taken.
    """

    def __init__(self, splits: Splits, edges: Sequence[frozenset[str]]) -> None:
        self._splits, self._edges = splits, tuple(edges)

    @property
    def listed(self) -> bool:
        """True: a question is cheap."""
        return True

    @property
    def graph(self) -> LayerGraph:
        """The model."""
        return self._splits.graph

    @property
    def costs(self) -> CostProfile:
        """The times that splits are priced with."""
        return self._splits.costs

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """The encodings to choose from."""
        return self._splits.encodings

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """The one of the lowest latency."""
        question = Question(link, None, True, edge_load, cloud_load)
        return question.least(self._priced(question))

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """The one for heavy load."""
        question = Question(link, rate_hz, False, edge_load, cloud_load)
        return question.least(self._priced(question))

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """Light or heavy load, and the one for it."""
        question = Question(link, rate_hz, False, edge_load, cloud_load)
        return question.decision(self._priced(question), rate_hz)

    def evaluate(
        self,
        edge: Collection[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """Prices any split of the model."""
        return self._splits.evaluate(edge, link, edge_load=edge_load, cloud_load=cloud_load, encoding=encoding)

    def with_costs(self, costs: CostProfile) -> "Among":
        """The same splits with other times."""
        return Among(self._splits.with_costs(costs), self._edges)

    def with_encodings(self, encodings: Sequence[Encoding]) -> "Among":
        """The same splits with other encodings."""
        return Among(self._splits.with_encodings(encodings), self._edges)

    def _priced(self, question: Question) -> list[Partition]:
        """Each split in each encoding; those that cannot be sent only if there is nothing else."""
        names = dict.fromkeys(("raw", *(encoding.name for encoding in self.encodings)))
        whole = len(self.graph)
        priced = [
            self.evaluate(
                edge,
                question.link,
                edge_load=question.edge_load,
                cloud_load=question.cloud_load,
                encoding=name,
            )
            for edge in self._edges
            for name in (names if len(edge) < whole else ("raw",))
        ]
        return [each for each in priced if each.transfer_s < math.inf] or priced
