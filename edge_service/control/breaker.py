"""A circuit breaker with exponential backoff, as a state machine that is told the time.

    CLOSED ──(failures in a row, or a loss)──► OPEN ──(retry_at_s, one trial)──► HALF_OPEN
       ▲                                        ▲                                  │   │
       │                                        └────(trial failed: wait doubles)──┘   │
       └─────────(an answer: the wait starts over; a sign of life: it does not)────────┘

Where the other side says when it wants to be tried again, that is when it is tried: it knows better than a schedule.

Source of the pattern: M. Nygard, Release It!, 2007, chapter 5.
"""

import math
from dataclasses import dataclass
from enum import Enum


class BreakerState(Enum):
    """Whether calls are made: always, never, or one to find out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """Limits of a `Breaker`.

    Attributes:
        failures_to_open: Failures in a row that open a closed breaker.
        first_wait_s: Wait before the first trial.
        factor: Each failed trial multiplies the wait by this.
        longest_wait_s: The wait after a failed trial never exceeds this: one costs a small call.
        longest_resume_s: The wait after a `resume` never exceeds this: one costs frames their deadlines.
        longest_asked_s: Nor does a wait that the other side asked for exceed this.
    """

    failures_to_open: int = 3
    first_wait_s: float = 0.5
    factor: float = 2.0
    longest_wait_s: float = 1.0
    longest_resume_s: float = 5.0
    longest_asked_s: float = 60.0

    def __post_init__(self) -> None:
        if self.failures_to_open < 1:
            raise ValueError(f"failures_to_open must be at least 1, not {self.failures_to_open}")
        if not 0.0 < self.first_wait_s <= self.longest_wait_s < math.inf:
            raise ValueError(
                f"waits must satisfy 0 < first_wait_s <= longest_wait_s, not {self.first_wait_s}, {self.longest_wait_s}"
            )
        if not 0.0 < self.longest_asked_s < math.inf:
            raise ValueError(f"longest_asked_s must be positive and finite, not {self.longest_asked_s}")
        if not self.first_wait_s <= self.longest_resume_s < math.inf:
            raise ValueError(
                f"longest_resume_s must be first_wait_s ({self.first_wait_s}) or more and finite, "
                f"not {self.longest_resume_s}"
            )
        if self.factor < 1.0:
            raise ValueError(f"factor must be at least 1, not {self.factor}")


class Breaker:
    """See the module docstring."""

    def __init__(self, config: BreakerConfig | None = None) -> None:
        self._config = config or BreakerConfig()
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._wait_s = self._config.first_wait_s
        self._retry_at_s = -math.inf
        self._held_until_s = -math.inf

    @property
    def state(self) -> BreakerState:
        """The state after the last thing that happened."""
        return self._state

    @property
    def retry_at_s(self) -> float | None:
        """When the next trial is allowed; None while closed."""
        return None if self._state is BreakerState.CLOSED else self._retry_at_s

    def allows(self, now_s: float) -> bool:
        """Whether a call may be made now. While not closed, a True answer hands out the one trial.

        A trial whose outcome is never reported is followed by another after the same wait.
        """
        if self._state is BreakerState.CLOSED:
            return True
        if now_s < self._retry_at_s:
            return False
        self._state = BreakerState.HALF_OPEN
        self._retry_at_s = now_s + self._wait_s
        return True

    def failed(self, now_s: float) -> None:
        """A call failed. While open this changes nothing: calls in flight fail together and are one outage."""
        if self._state is BreakerState.CLOSED:
            self._failures += 1
            if self._failures >= self._config.failures_to_open:
                self.trip(now_s)
        elif self._state is BreakerState.HALF_OPEN:
            self._lengthen(self._config.longest_wait_s)
            self._open(now_s)

    def trip(self, now_s: float, *, asked_s: float | None = None) -> None:
        """The other side is known to be gone: opens at once. While half open it is a failed trial.

        Args:
            now_s: The time.
            asked_s: Seconds after which it wants to be tried again, in place of the backoff; None: it said nothing.
        """
        self._held_until_s = -math.inf
        if self._state is BreakerState.CLOSED:
            self._open(now_s)
        else:
            self.failed(now_s)
        if asked_s is not None:
            self._retry_at_s = now_s + self._bounded(asked_s)

    def hold(self, now_s: float, asked_s: float) -> None:
        """The other side is well but wants no calls for so long: opens, and counts nothing as a failure.

        Answers that are on their way already do not end it.
        """
        until_s = now_s + self._bounded(asked_s)
        if self._state is not BreakerState.CLOSED:
            until_s = max(self._retry_at_s, until_s)
        self._open(now_s)
        self._retry_at_s = self._held_until_s = until_s

    def expect(self, now_s: float) -> None:
        """Opens with a trial due at once: the other side has not been seen yet."""
        self._state = BreakerState.OPEN
        self._wait_s = self._config.first_wait_s
        self._retry_at_s = now_s

    def succeeded(self, now_s: float) -> None:
        """An answer came: closes, and the next outage starts with the first wait again."""
        self._failures = 0
        self._wait_s = self._config.first_wait_s
        if now_s >= self._held_until_s:
            self._state = BreakerState.CLOSED
            self._held_until_s = -math.inf

    def resume(self, now_s: float) -> bool:
        """A sign of life came that proves less than an answer: closes if a trial was due.

        The next wait is longer, unless this one was asked for.

        Returns:
            Whether it closed.
        """
        if self._state is BreakerState.CLOSED or not self.allows(now_s):
            return False
        self._state = BreakerState.CLOSED
        self._failures = 0
        if self._held_until_s == -math.inf:
            self._lengthen(self._config.longest_resume_s)
        self._held_until_s = -math.inf
        return True

    def _bounded(self, asked_s: float) -> float:
        """What the network says is no reason to wait for ever, nor not at all."""
        if not asked_s > 0.0:  # also what is not a number
            return self._config.first_wait_s
        return min(asked_s, self._config.longest_asked_s)

    def _lengthen(self, longest_s: float) -> None:
        self._wait_s = min(self._wait_s * self._config.factor, longest_s)

    def _open(self, now_s: float) -> None:
        self._state = BreakerState.OPEN
        self._failures = 0
        self._retry_at_s = now_s + self._wait_s
