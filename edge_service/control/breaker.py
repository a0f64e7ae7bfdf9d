"""A circuit breaker with exponential backoff, as a state machine with the time as an argument.

    CLOSED ──(failures in a row, or a loss)──► OPEN ──(retry_at_s, one trial)──► HALF_OPEN
       ▲                                        ▲                                  │   │
       │                                        └────(trial failed: wait doubles)──┘   │
       └───────(an answer: the wait is reset; a heartbeat: the wait is not reset)──────┘

If the cloud says when to try again, that time replaces the backoff.

Source of the pattern: M. Nygard, Release It!, 2007, chapter 5.
"""

import math
from dataclasses import dataclass
from enum import Enum


class BreakerState(Enum):
    """Which calls are made: all, none, or one trial."""

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
        longest_wait_s: Longest wait after a failed trial; a trial costs one small call.
        longest_resume_s: Longest wait after a `resume`; a wrong one makes frames miss their deadlines.
        longest_asked_s: Longest wait that the cloud can ask for.
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
        """The state after the last call."""
        return self._state

    @property
    def retry_at_s(self) -> float | None:
        """When the next trial is allowed; None while closed."""
        return None if self._state is BreakerState.CLOSED else self._retry_at_s

    def allows(self, now_s: float) -> bool:
        """Whether a call may be made now. While not closed, True allows one trial.

        If its outcome is never reported, another trial is allowed after the same wait.
        """
        if self._state is BreakerState.CLOSED:
            return True
        if now_s < self._retry_at_s:
            return False
        self._state = BreakerState.HALF_OPEN
        self._retry_at_s = now_s + self._wait_s
        return True

    def failed(self, now_s: float) -> None:
        """A call failed. While open this changes nothing: calls in flight that fail together are one outage."""
        if self._state is BreakerState.CLOSED:
            self._failures += 1
            if self._failures >= self._config.failures_to_open:
                self.trip(now_s)
        elif self._state is BreakerState.HALF_OPEN:
            self._lengthen(self._config.longest_wait_s)
            self._open(now_s)

    def trip(self, now_s: float, *, asked_s: float | None = None) -> None:
        """The cloud is lost: opens at once. While half open it is a failed trial.

        Args:
            now_s: The time.
            asked_s: Seconds after which the cloud asks to be tried again, in place of the backoff; None if it does not.
        """
        self._held_until_s = -math.inf
        if self._state is BreakerState.CLOSED:
            self._open(now_s)
        else:
            self.failed(now_s)
        if asked_s is not None:
            self._retry_at_s = now_s + self._bounded(asked_s)

    def hold(self, now_s: float, asked_s: float) -> None:
        """The cloud asks for a pause of `asked_s`: opens, without counting a failure.

        Answers to earlier calls do not end the pause.
        """
        until_s = now_s + self._bounded(asked_s)
        if self._state is not BreakerState.CLOSED:
            until_s = max(self._retry_at_s, until_s)
        self._open(now_s)
        self._retry_at_s = self._held_until_s = until_s

    def expect(self, now_s: float) -> None:
        """Opens with a trial due at once: the cloud was not reached yet."""
        self._state = BreakerState.OPEN
        self._wait_s = self._config.first_wait_s
        self._retry_at_s = now_s

    def succeeded(self, now_s: float) -> None:
        """An answer arrived: closes, and the next outage starts with the first wait again."""
        self._failures = 0
        self._wait_s = self._config.first_wait_s
        if now_s >= self._held_until_s:
            self._state = BreakerState.CLOSED
            self._held_until_s = -math.inf

    def resume(self, now_s: float) -> bool:
        """A heartbeat arrived, which proves less than an answer: closes if a trial was due.

        The next wait is longer, unless the cloud asked for this one.

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
        """The wait that the cloud asked for, within sensible bounds: it comes from the network."""
        if not asked_s > 0.0:  # NaN too
            return self._config.first_wait_s
        return min(asked_s, self._config.longest_asked_s)

    def _lengthen(self, longest_s: float) -> None:
        self._wait_s = min(self._wait_s * self._config.factor, longest_s)

    def _open(self, now_s: float) -> None:
        self._state = BreakerState.OPEN
        self._failures = 0
        self._retry_at_s = now_s + self._wait_s
