"""Which pictures of a source become frames, and when: pure laws over times in seconds.

A clip is sampled as a camera in front of a screen would: frame k shows what the clip shows at k / rate. So a rate
below the clip's own skips pictures and one above it repeats them. A live source cannot be asked for a moment: of what
it delivers, the first picture in each period is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# A live picture may come this share of a period early and still be the one that was due: cameras are not metronomes.
_EARLY = 0.25
# Times that are equal but for rounding are equal: less than a tick of any clip's clock, more than the rounding of sums.
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """Something shown from `at_s` (seconds from the source's start) until the next one."""

    at_s: float
    item: T


def repeated(play: Callable[[], Iterable[Timed[T]]], interval_s: float) -> Iterator[Timed[T]]:
    """A clip played again and again, its times going on; ends only if the clip is empty.

    Args:
        play: Starts the clip from its beginning.
        interval_s: How long its last picture is shown.
    """
    start_s = 0.0
    while True:
        end_s = None
        for shot in play():
            end_s = start_s + shot.at_s + interval_s
            yield Timed(start_s + shot.at_s, shot.item)
        if end_s is None:
            return
        start_s = end_s


def sampled(shots: Iterable[Timed[T]], rate_hz: float, interval_s: float) -> Iterator[T]:
    """What a clip shows at 0, 1 / rate, 2 / rate, ... until its end, `interval_s` after its last picture."""
    count = 0
    shown: Timed[T] | None = None
    for shot in shots:
        while shown is not None and count / rate_hz < shot.at_s - _ROUNDING_S:
            yield shown.item
            count += 1
        shown = shot
    while shown is not None and count / rate_hz < shown.at_s + interval_s - _ROUNDING_S:
        yield shown.item
        count += 1


def thinned(shots: Iterable[Timed[T]], rate_hz: float) -> Iterator[T]:
    """Of a live source's pictures, as they come, at most one for each period of 1 / rate."""
    due_s = 0.0
    for shot in shots:
        if shot.at_s < due_s - _EARLY / rate_hz:
            continue
        yield shot.item
        due_s += 1 / rate_hz
        if due_s <= shot.at_s:  # the source had a gap: start anew instead of catching up
            due_s = shot.at_s + 1 / rate_hz
