"""Pacing: which pictures of a source become frames. Pure; times in seconds.

Frame k of a clip is the picture shown at k / rate. So a rate below the clip's own skips pictures, and a higher one
repeats them. From a live source the first picture in each period is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# A live picture may come early by this share of a period, because cameras are not exactly periodic.
_EARLY = 0.25
# Times that differ by less are equal: less than a tick of any clip's clock, more than the rounding errors of sums.
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """An item that is shown from `at_s` (seconds from the source's start) until the next one."""

    at_s: float
    item: T


def repeated(play: Callable[[], Iterable[Timed[T]]], interval_s: Callable[[], float]) -> Iterator[Timed[T]]:
    """Repeat a clip, with increasing times; ends only if the clip is empty.

    Args:
        play: Plays the clip from its beginning.
        interval_s: How long its last picture is shown; asked for at its end.
    """
    start_s = 0.0
    while True:
        at_s = None
        for shot in play():
            at_s = start_s + shot.at_s
            yield Timed(at_s, shot.item)
        if at_s is None:
            return
        start_s = at_s + interval_s()


def sampled(shots: Iterable[Timed[T]], rate_hz: float, interval_s: Callable[[], float]) -> Iterator[T]:
    """Yield a clip's pictures at 0, 1 / rate, 2 / rate, ... until its end.

    Args:
        shots: The clip. If it ends by an exception, that is raised after the last picture.
        rate_hz: Pictures per second.
        interval_s: How long the last picture is shown; asked for at the end.
    """
    count = 0
    shown: Timed[T] | None = None
    failure: Exception | None = None
    pictures = iter(shots)
    while True:
        try:
            shot = next(pictures)
        except StopIteration:
            break
        except Exception as error:  # noqa: BLE001 - raised again after the pictures before it
            failure = error
            break
        while shown is not None and count / rate_hz < shot.at_s - _ROUNDING_S:
            yield shown.item
            count += 1
        shown = shot
    while shown is not None and count / rate_hz < shown.at_s + interval_s() - _ROUNDING_S:
        yield shown.item
        count += 1
    if failure is not None:
        raise failure


class Thinning:
    """Chooses at most one of a live source's pictures in each period of 1 / rate."""

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1 / rate_hz
        self._due_s = 0.0

    def takes(self, at_s: float) -> bool:
        """Whether the picture of this time is one; times increase."""
        if at_s < self._due_s - _EARLY * self._period_s:
            return False
        self._due_s += self._period_s
        if self._due_s <= at_s:  # after a gap of the source, do not catch up
            self._due_s = at_s + self._period_s
        return True
