"""When something must be heard from the cloud: the pauses that its heartbeats announced, and what a frame changes.

An idle stream's heartbeats may be rarer, by agreement; each says when the next is due. The streams of a connection
promise apart, and the shortest promise counts. A frame brings the usual pause back, once the cloud can know of it.

Laws:

- time is an argument; nothing here reads a clock;
- a promise is never shorter than the usual pause nor longer than the agreed one, whatever the cloud says;
- what was promised by a stream that is over counts no more; before the first promise the usual pause is expected.
"""

_PAUSE_RATIO = 1.8  # in usual pauses: a longer gap is not jitter, a heartbeat is missing


class Heartbeats:
    """The pauses that a connection's streams announced.

    Args:
        silence_s: At the usual pause, the cloud is lost if nothing arrives for so long.
        usual_s: The usual pause between two heartbeats.
        longest_s: The longest pause that the edge agreed to.
    """

    def __init__(self, *, silence_s: float, usual_s: float, longest_s: float) -> None:
        self._silence_s = silence_s
        self._usual_s = usual_s
        self._longest_s = max(usual_s, longest_s)
        self._frames_s: float | None = None
        self._pulse_s: float | None = None

    @property
    def gap_s(self) -> float:
        """A longer gap between two arrivals means that a heartbeat is missing: the link stood still."""
        return _PAUSE_RATIO * self._usual_s + self._rarer_s

    def promised(self, next_s: float, *, pulse: bool) -> None:
        """A heartbeat of the pulse, or of the frames' stream, said when the next one comes at the latest."""
        bounded_s = min(next_s, self._longest_s) if next_s > self._usual_s else self._usual_s  # NaN: the usual one
        if pulse:
            self._pulse_s = bounded_s
        else:
            self._frames_s = bounded_s

    def renewed(self) -> None:
        """The frames' stream is a new one."""
        self._frames_s = None

    def restart(self) -> None:
        """Both streams are new."""
        self._frames_s = self._pulse_s = None

    def are_missing(self, now_s: float, heard_s: float, known_s: float | None) -> bool:
        """Whether the cloud is lost.

        Args:
            now_s: The time.
            heard_s: When something last arrived.
            known_s: When the cloud knew, at the latest, that there are frames; None if there are none, or if they may
                be held up on their way.
        """
        if now_s - heard_s > self._silence_s + self._rarer_s:
            return True
        return known_s is not None and now_s - max(heard_s, known_s) > self._silence_s

    @property
    def _rarer_s(self) -> float:
        """How much longer than usual the shortest promise is."""
        promises_s = [promise_s for promise_s in (self._frames_s, self._pulse_s) if promise_s is not None]
        return min(promises_s, default=self._usual_s) - self._usual_s
