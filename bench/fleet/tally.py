"""What became of a fleet's frames, and when: counts by second, and every latency."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Outcome(IntEnum):
    """What becomes of a frame: SUBMITTED is every frame, and each is one of the next four in the end.

    REFUSED and MISSED count what clouds did not answer; such a frame goes to another cloud, or falls back. SWITCHED
    counts the first frames of another split.
    """

    SUBMITTED = 0
    ANSWERED = 1
    ALONE = 2
    FELL_BACK = 3
    DROPPED = 4
    REFUSED = 5
    MISSED = 6
    SWITCHED = 7


ENDS = (Outcome.ANSWERED, Outcome.ALONE, Outcome.FELL_BACK, Outcome.DROPPED)


@dataclass(slots=True)
class Tally:
    """Counts of one run, or of a part of its edges.

    Attributes:
        seconds: How long frames came.
        clouds: How many clouds there are.
        counts: By outcome and second in which the frame came; a switch counts where its first frame came.
        sent_to: By cloud and second, frames that were planned for it.
        answered_s: Latencies of frames that a cloud answered.
        here_s: Latencies of frames that the edge computed, entirely or in the end.
        switches: By edge, of its split.
        changes: By edge, of its cloud.
    """

    seconds: int
    clouds: int = 1
    counts: list[list[int]] = field(default_factory=list)
    sent_to: list[list[int]] = field(default_factory=list)
    answered_s: "array[float]" = field(default_factory=lambda: array("f"))
    here_s: "array[float]" = field(default_factory=lambda: array("f"))
    switches: list[int] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = self.counts or [[0] * self.seconds for _ in Outcome]
        self.sent_to = self.sent_to or [[0] * self.seconds for _ in range(self.clouds)]

    def count(self, outcome: Outcome, arrived_s: float) -> None:
        """Counts a frame that came then."""
        self.counts[outcome][int(arrived_s)] += 1

    def sent(self, cloud: int, arrived_s: float) -> None:
        """Counts a frame that was planned for a cloud."""
        self.sent_to[cloud][int(arrived_s)] += 1

    def took(self, outcome: Outcome, seconds: float) -> None:
        """Keeps a latency."""
        (self.answered_s if outcome is Outcome.ANSWERED else self.here_s).append(seconds)

    def total(self, outcome: Outcome) -> int:
        """Frames of one outcome."""
        return sum(self.counts[outcome])

    @classmethod
    def of(cls, parts: Sequence["Tally"]) -> "Tally":
        """Adds up what parts of a fleet counted in the same seconds."""
        whole = cls(parts[0].seconds, parts[0].clouds)
        for part in parts:
            whole.answered_s.extend(part.answered_s)
            whole.here_s.extend(part.here_s)
            whole.switches.extend(part.switches)
            whole.changes.extend(part.changes)
        whole.counts = _added([part.counts for part in parts])
        whole.sent_to = _added([part.sent_to for part in parts])
        return whole


def _added(parts: Sequence[list[list[int]]]) -> list[list[int]]:
    return [[sum(at) for at in zip(*rows, strict=True)] for rows in zip(*parts, strict=True)]
