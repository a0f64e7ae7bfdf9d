"""When to search for a better split, for models with too many splits to list; the shell runs the search in a thread.

A search is due when the policy's question has changed since the last search: conditions moved, or times or sizes
changed. At most one search runs at a time. Searches take at most a quarter of the time.
"""

import math
from dataclasses import dataclass

from edge_service.control.conditions import Conditions
from edge_service.control.remembered_splits import Question, RememberedSplits
from partitioner import Partition
from partitioner.splits import Splits

# The pause after a search, in durations of that search: so searches take at most a quarter of the time.
_REST = 3.0


@dataclass(frozen=True, slots=True)
class Search:
    """One question, with everything its answer depends on; safe to run on any thread.

    Attributes:
        splits: The splits to search.
        question: The question.
        conditions: The conditions that it was asked for.
    """

    splits: Splits
    question: Question
    conditions: Conditions

    def run(self) -> Partition:
        """The best split; takes from milliseconds to seconds."""
        return self.question.answer(self.splits)


class SearchPace:
    """Says when a search is due, for one model.

    Args:
        interval_s: While conditions only drift, search at most this often.
        tolerance: Conditions that moved by less than this since the last search, relatively, cause no search.
    """

    def __init__(self, interval_s: float, tolerance: float) -> None:
        self._interval_s = interval_s
        self._tolerance = tolerance
        self._wanted: Search | None = None
        self._running: Search | None = None
        self._last: Search | None = None
        self._began_s = -math.inf
        self._rested_s = -math.inf

    def asked(self, splits: RememberedSplits, conditions: Conditions) -> None:
        """A policy chose under these conditions; its question to the splits, if any, is the one to search for."""
        question = splits.question
        self._wanted = None if question is None else Search(splits.searched, question, conditions)

    def dropped(self) -> None:
        """Nothing can be offloaded now, so no search is needed."""
        self._wanted = None

    def due(self, now_s: float) -> Search | None:
        """The search to begin now, or None. Until this search has ended, the next calls return None."""
        wanted, last = self._wanted, self._last
        if wanted is None or self._running is not None or now_s < self._rested_s:
            return None
        if last is not None and wanted.splits is last.splits and not wanted.conditions.jumped(last.conditions):
            early = now_s - self._began_s < self._interval_s
            if early or not wanted.conditions.moved(last.conditions, self._tolerance):
                return None
        self._wanted, self._running, self._last, self._began_s = None, wanted, wanted, now_s
        return wanted

    def ended(self, search: Search, now_s: float) -> bool:
        """Takes the end of a search, successful or not; returns whether it is the one that was begun last."""
        if search is not self._running:
            return False
        self._running = None
        self._rested_s = now_s + _REST * (now_s - self._began_s)
        return True
