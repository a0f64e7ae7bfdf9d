"""What may run beside the frames: pricing a table anew, building one, and searching for one question's answer.

A job holds everything that its result depends on, so it is safe to run on any thread, and its result is good for the
numbers that it names, whatever has changed meanwhile.
"""

from dataclasses import dataclass

from edge_service.control.conditions import Conditions
from edge_service.control.tables.numbers import Numbers
from edge_service.control.tables.question import Question
from partitioner import Partition, tabulate
from partitioner.splits import Splits


@dataclass(frozen=True, slots=True)
class Reprice:
    """The splits of a table at other numbers.

    Attributes:
        origin: The table as it was built.
        built: The numbers that it was built for; None if it holds every split, whatever the numbers.
        numbers: The numbers to price it with.
    """

    origin: Splits
    built: Numbers | None
    numbers: Numbers

    def run(self) -> Splits:
        """The table; takes milliseconds."""
        return _priced(self.origin, self.numbers)


@dataclass(frozen=True, slots=True)
class Build:
    """A new table.

    Attributes:
        numbers: The numbers that its bounds are proven for.
    """

    numbers: Numbers

    def run(self) -> Splits:
        """The table; takes tenths of a second to seconds."""
        return tabulate(self.numbers.graph, self.numbers.costs, self.numbers.encodings)


@dataclass(frozen=True, slots=True)
class Search:
    """One question, answered without a table.

    Attributes:
        splits: The splits to search, at any numbers.
        numbers: The numbers to search with.
        question: The question.
        conditions: The conditions that it was asked for.
    """

    splits: Splits
    numbers: Numbers
    question: Question
    conditions: Conditions

    def run(self) -> Partition:
        """The best split; takes from milliseconds to seconds."""
        return self.question.answer(_priced(self.splits, self.numbers))


Job = Reprice | Build | Search


def _priced(splits: Splits, numbers: Numbers) -> Splits:
    """The splits at these numbers; the same object if it has them already, since its bounds are proven then."""
    if splits.costs != numbers.costs:
        splits = splits.with_costs(numbers.costs)
    return splits if splits.encodings == numbers.encodings else splits.with_encodings(numbers.encodings)
