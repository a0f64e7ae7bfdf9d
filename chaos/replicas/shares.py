"""Of the frames that were sent while a replica was up: how many a cloud answered, and how soon.

Pure. A frame counts as sent when it was submitted; times are those of `time.monotonic`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Period", "Shares", "percentile", "shares_of"]


class Period(Protocol):
    """A time in which a replica was up."""

    began_s: float
    ended_s: float


class ReadLine(Protocol):
    """A frame's line of `--results`, and when it was read."""

    @property
    def at_s(self) -> float: ...

    @property
    def record(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Shares:
    """What became of one or more edges' frames.

    Attributes:
        frames: All frames that were submitted.
        while_up: Those that were submitted while a replica was up.
        answered: Those of `while_up` that a cloud answered.
        latencies_s: From submission to result, of all frames with one.
        longest_alone: The most frames of one edge in a row that no cloud answered although a replica was up.
    """

    frames: int
    while_up: int
    answered: int
    latencies_s: tuple[float, ...]
    longest_alone: int

    @property
    def share(self) -> float:
        """Of the frames sent while a replica was up, the share that a cloud answered; 1 where there was none."""
        return self.answered / self.while_up if self.while_up else 1.0


def shares_of(edges: Sequence[Sequence[ReadLine]], ups: Sequence[Period]) -> Shares:
    """Count the frames of edges, each with its own lines in their order."""
    while_up = answered = longest = 0
    for lines in edges:
        alone = 0
        for line in lines:
            if not _any_up(_submitted_s(line), ups):
                alone = 0
                continue
            while_up += 1
            is_answered = line.record["outcome"] == "offloaded"
            answered += is_answered
            alone = 0 if is_answered else alone + 1
            longest = max(longest, alone)
    every = [line.record for lines in edges for line in lines]
    latencies = sorted(record["latency_s"] for record in every if record["latency_s"] is not None)
    return Shares(len(every), while_up, answered, tuple(latencies), longest)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least value that `share` of the values are not above; NaN where there is none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _submitted_s(line: ReadLine) -> float:
    return line.at_s - (line.record["latency_s"] or 0.0)


def _any_up(at_s: float, ups: Sequence[Period]) -> bool:
    return any(up.began_s <= at_s < up.ended_s for up in ups)
