"""A model's splits as a policy sees them where pricing all of them takes long: every answer takes well under 1 ms.

A table that is priced at the numbers of now answers. Until there is one, and where the table's answer is not proven,
the best of this answer and the known splits is taken, and the question is kept for a search in the background.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from edge_service.control.tables.jobs import Build, Job, Reprice, Search
from edge_service.control.tables.known_splits import KnownSplits
from edge_service.control.tables.numbers import Numbers
from edge_service.control.tables.question import Question
from partitioner import CostProfile, Decision, Encoding, LayerGraph, Link, Partition
from partitioner.encodings import check_encodings
from partitioner.splits import Splits


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and what its numbers are.

    Attributes:
        splits: The table at the newest prices.
        priced: The numbers of these prices.
        origin: The table as it was built. Prices leave out splits that are never the best at them, so it is this one
            that is priced anew.
        built: The numbers that it was built for; None if it holds every split, whatever the numbers.
    """

    splits: Splits
    priced: Numbers
    origin: Splits
    built: Numbers | None


class LiveSplits:
    """See the module docstring. Other numbers and another table give another object; only the question changes.

    Args:
        numbers: The times and sizes of now.
        known: Splits to compare with, priced at these numbers.
        table: The newest table, if there is one.

    Attributes:
        numbers: As the argument.
        table: As the argument.
        current: Whether the table is priced at these numbers, so that it answers.
        fresh: Whether it was also built for these numbers, or for some that are near.
        question: The last question; None before the first.
        proven: Whether the last question's answer needs no search.
    """

    def __init__(self, numbers: Numbers, known: KnownSplits, table: Table | None = None) -> None:
        self.numbers, self.table = numbers, table
        self.current = table is not None and table.priced is numbers
        built = None if table is None else table.built
        self.fresh = self.current and (built is None or numbers.near(built))
        self.question: Question | None = None
        self.proven = False
        self._bounds_hold = built is None or built is numbers
        self._known = known

    @classmethod
    def of(cls, splits: Splits, known: Collection[frozenset[str]] = ()) -> "LiveSplits":
        """The live view of a model's splits; they are its table if they are listed. `known` are always compared."""
        numbers = Numbers(splits.graph, splits.costs, splits.encodings)
        table = Table(splits, numbers, splits, None) if splits.listed else None
        return cls(numbers, KnownSplits(numbers, known), table)

    @property
    def listed(self) -> bool:
        """True: a question takes less than a millisecond."""
        return True

    @property
    def graph(self) -> LayerGraph:
        """The model."""
        return self.numbers.graph

    @property
    def costs(self) -> CostProfile:
        """The times that splits are priced with."""
        return self.numbers.costs

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """The encodings to choose from."""
        return self.numbers.encodings

    @property
    def answering(self) -> Splits | None:
        """The table, if it is priced at the numbers of now."""
        return self.table.splits if self.table is not None and self.current else None

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """The split of the lowest latency."""
        question = Question(link, None, True, edge_load, cloud_load)
        table = self._asked(question)
        found = None if table is None else table.dsl(link, edge_load=edge_load, cloud_load=cloud_load)
        return self._best(question, found)

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """The split for heavy load."""
        question = Question(link, rate_hz, False, edge_load, cloud_load)
        table = self._asked(question)
        found = None if table is None else table.dsh(link, rate_hz, edge_load=edge_load, cloud_load=cloud_load)
        return self._best(question, found)

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """Light or heavy load, and the split for it; `max_rate_hz` is that of a split in the table or a known one."""
        question = Question(link, rate_hz, False, edge_load, cloud_load)
        table = self._asked(question)
        decision = None if table is None else table.decide(link, rate_hz, edge_load=edge_load, cloud_load=cloud_load)
        if decision is not None and self._answers(question, decision.partition):
            return decision
        candidates = self._candidates(question, None if decision is None else decision.partition)
        found = question.decision(candidates, rate_hz)
        if decision is None:
            return found
        return replace(found, max_rate_hz=max(found.max_rate_hz, decision.max_rate_hz))

    def evaluate(
        self,
        edge: Collection[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """Prices one closed set; a set that was priced before is only scaled."""
        return self._known.evaluate(edge, link, edge_load=edge_load, cloud_load=cloud_load, encoding=encoding)

    def with_costs(self, costs: CostProfile) -> "LiveSplits":
        """The same with other times; the table does not answer until it is priced with them.

        Raises:
            PartitionError: The costs do not fit the graph.
        """
        costs.check(self.graph)
        return self._at(Numbers(self.graph, costs, self.encodings))

    def with_encodings(self, encodings: Sequence[Encoding]) -> "LiveSplits":
        """The same with other encodings; the table does not answer until it is priced with them.

        Raises:
            PartitionError: An encoding does not fit the graph, or two have one name.
        """
        return self._at(Numbers(self.graph, self.costs, check_encodings(self.graph, encodings)))

    def resized(self, encodings: tuple[Encoding, ...]) -> "LiveSplits":
        """As `with_encodings`, for encodings that differ in sizes only: they are not checked, which would take long."""
        return self._at(Numbers(self.graph, self.costs, encodings or self.encodings))

    def with_result(self, job: Job, result: Splits | Partition) -> "LiveSplits":
        """The same with what a job made, whatever the numbers have become since it began."""
        if isinstance(result, Partition):
            self._known.remember(result)
            return self
        match job:
            case Build(numbers):
                table = Table(result, numbers, result, numbers)
            case Reprice(origin, built, numbers):
                table = Table(result, numbers, origin, built)
            case Search():
                raise TypeError("a search makes a split, not a table")
        return LiveSplits(self.numbers, self._known, table)

    def _at(self, numbers: Numbers) -> "LiveSplits":
        return LiveSplits(numbers, self._known.at(numbers), self.table)

    def _asked(self, question: Question) -> Splits | None:
        """Keeps a question; returns the table that answers it, if there is one."""
        self.question, self.proven = question, False
        return self.answering

    def _answers(self, question: Question, found: Partition) -> bool:
        """Whether the table's answer is the answer. It is remembered: it is a good split when numbers change, too.

        At sizes that are only near those that the table was built for, it proves about what it proved at those.
        """
        self._known.remember(found)
        self.proven = self.fresh and question.proven(self._bounded(question, found))
        return self.proven

    def _bounded(self, question: Question, found: Partition) -> Partition:
        return found if self._bounds_hold or self.table is None else question.answer(self.table.origin)

    def _best(self, question: Question, found: Partition | None) -> Partition:
        if found is not None and self._answers(question, found):
            return found
        return question.least(self._candidates(question, found))

    def _candidates(self, question: Question, found: Partition | None) -> list[Partition]:
        known = list(self._known.priced(question.link, question.edge_load, question.cloud_load))
        return known if found is None else [found, *known]
