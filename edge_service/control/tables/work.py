"""When work is due beside the frames, and which: a table to price anew or to build, or a search. The shell runs it.

    the policy asked ──► table at old numbers? ──► Reprice
                     ──► no table yet?         ──► the first Search, then Build
                     ──► built for others?     ──► Build
                     ──► answer not proven?    ──► Search

At most one job runs at a time. Builds and searches take at most a quarter of the time: after each, the next waits for
three times as long. Only the first build does not wait, since there is no table until then; what it would have waited
is added to the next wait. Pricing anew takes milliseconds, and does not wait.

Nothing is built or searched for before a policy asks, nor while nothing can be offloaded. A table is priced anew as
soon as numbers change, so that the first frame finds it ready, unless the policy asked nothing when it chose last.
"""

import math
from dataclasses import dataclass

from edge_service.control.conditions import Conditions
from edge_service.control.tables.jobs import Build, Job, Reprice, Search
from edge_service.control.tables.live_splits import LiveSplits
from edge_service.control.tables.numbers import Numbers
from edge_service.control.tables.question import Question
from partitioner.splits import Splits

# From the begin of a job to that of the next, in durations of the job: so jobs take at most a quarter of the time.
_PERIOD = 4.0


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a policy asked last, and whether the answer needs a search."""

    question: Question
    conditions: Conditions
    proven: bool


class BackgroundWork:
    """Says which job is due, for one model.

    Args:
        splits: The model's splits, for searches.
        asks: Whether the policy is expected to ask.
        interval_s: While conditions only drift, search at most this often.
        tolerance: Conditions that moved by less than this since the last search, relatively, cause no search.

    Attributes:
        rests_until_s: No build or search begins before.
    """

    def __init__(self, splits: Splits, interval_s: float, tolerance: float, *, asks: bool) -> None:
        self._splits = splits
        self._interval_s = interval_s
        self._tolerance = tolerance
        self._asks = asks
        self._wish: _Wish | None = None
        self._running: Job | None = None
        self._last: Search | None = None
        self._failed: dict[type[Job], Numbers] = {}
        self._began_s = -math.inf
        self._searched_s = -math.inf
        self.rests_until_s = -math.inf

    @property
    def busy(self) -> bool:
        """Whether a job was begun and has not ended."""
        return self._running is not None

    def asked(self, live: LiveSplits, conditions: Conditions) -> None:
        """A policy chose under these conditions, by its question to `live`, if it asked one."""
        question = live.question
        self._asks = question is not None
        self._wish = None if question is None else _Wish(question, conditions, live.proven)

    def dropped(self) -> None:
        """Nothing can be offloaded now, so nothing is built or searched for."""
        self._wish = None

    def due(self, live: LiveSplits, now_s: float) -> Job | None:
        """The job to begin now, or None. Until it has ended, the next calls return None."""
        if self._running is not None:
            return None
        job = self._wanted(live, now_s)
        if job is not None:
            self._running, self._began_s = job, now_s
            if isinstance(job, Search):
                self._last, self._searched_s = job, now_s
        return job

    def ended(self, job: Job, done: bool, now_s: float) -> bool:
        """Takes the end of a job, `done` unless it failed; returns whether it is the one that was begun last."""
        if job is not self._running:
            return False
        self._running = None
        if not isinstance(job, Reprice):
            self.rests_until_s = max(self.rests_until_s, self._began_s) + _PERIOD * (now_s - self._began_s)
        if not done:
            self._failed[type(job)] = job.numbers
        return True

    def _wanted(self, live: LiveSplits, now_s: float) -> Job | None:
        table, numbers, wish = live.table, live.numbers, self._wish
        if table is not None and not live.current and self._asks and not self._has_failed(Reprice, numbers):
            return Reprice(table.origin, table.built, numbers)
        if wish is None:
            return None
        search = Search(self._splits, numbers, wish.question, wish.conditions)
        if table is None and self._last is None:
            return search
        rested, first = now_s >= self.rests_until_s, table is None and Build not in self._failed
        if not live.fresh and (rested or first) and not self._has_failed(Build, numbers):
            return Build(numbers)
        return search if rested and not wish.proven and self._is_new(search, now_s) else None

    def _is_new(self, search: Search, now_s: float) -> bool:
        """Whether the conditions are not those of the search before."""
        last = self._last
        if last is None or search.numbers is not last.numbers or search.conditions.jumped(last.conditions):
            return True
        early = now_s - self._searched_s < self._interval_s
        return not early and search.conditions.moved(last.conditions, self._tolerance)

    def _has_failed(self, kind: type[Job], numbers: Numbers) -> bool:
        """Whether such a job has failed for these numbers, or for some that are near."""
        failed = self._failed.get(kind)
        if failed is None or not numbers.near(failed):
            return False
        self._failed[kind] = numbers  # the same object is compared faster
        return True
