"""What became of a fleet's frames, and when: counts by second, and every latency."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Outcome(IntEnum):
    """What becomes of a frame: SUBMITTED is every frame, and each is one of the next four in the end.

    A frame that was refused, or not answered in time, fell back as well. SWITCHED counts plans, not frames.
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
        counts: By outcome and second in which the frame came; a switch counts where its first frame came.
        answered_s: Latencies of frames that the cloud answered.
        here_s: Latencies of frames that the edge computed, entirely or in the end.
        switches: By edge.
    """

    seconds: int
    counts: list[list[int]] = field(default_factory=list)
    answered_s: "array[float]" = field(default_factory=lambda: array("f"))
    here_s: "array[float]" = field(default_factory=lambda: array("f"))
    switches: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = [[0] * self.seconds for _ in Outcome]

    def total(self, outcome: Outcome) -> int:
        """Frames of one outcome."""
        return sum(self.counts[outcome])

    @classmethod
    def of(cls, parts: Sequence["Tally"]) -> "Tally":
        """Adds up what parts of a fleet counted in the same seconds."""
        whole = cls(parts[0].seconds)
        for part in parts:
            whole.answered_s.extend(part.answered_s)
            whole.here_s.extend(part.here_s)
            whole.switches.extend(part.switches)
        for outcome in Outcome:
            seconds = zip(*(part.counts[outcome] for part in parts), strict=True)
            whole.counts[outcome] = [sum(second) for second in seconds]
        return whole
