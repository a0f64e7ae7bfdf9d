"""What the frames' results say about a camera run: ages of pictures, returns after faults, gaps that the report names.

Pure. A result tells its picture's number, and the camera when that was taken; both use the clock of `time.monotonic`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Gap", "Line", "Return", "Trouble", "ages_s", "gaps_of", "returned", "share", "source_clock", "unnamed"]

# How far apart the beginnings of a gap may be by the report and by the run.
_SAME_GAP_S = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """A frame's line of `--results`, and when it was read."""

    at_s: float
    record: Mapping[str, Any]

    @property
    def picture(self) -> int | None:
        """The number in its picture; None without a result, or where none could be read."""
        result = self.record.get("result")
        return result.get("picture") if isinstance(result, Mapping) else None

    @property
    def has_result(self) -> bool:
        """Whether the frame ended with outputs."""
        return self.record["outcome"] not in ("dropped", "failed")

    @property
    def began_s(self) -> float:
        """When its computation began, at the latest: the line was read a little after the result."""
        return self.at_s - float(self.record["latency_s"]) + float(self.record["times_s"]["wait_s"])


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of a camera.

    Attributes:
        name: What it was.
        began_s: When it began.
        ended_s: When the camera was back.
        interrupts: Whether pictures stopped, or their connection was lost.
    """

    name: str
    began_s: float
    ended_s: float
    interrupts: bool


@dataclass(frozen=True, slots=True)
class Return:
    """How the edge came back after a fault.

    Attributes:
        result_s: From the camera's return to the next result of a picture taken since; infinite if none came.
        picture_s: From the next keyframe that the edge could see to the beginning of the first computation of a picture
            since then; without the time in which an earlier picture was still computed.
    """

    result_s: float
    picture_s: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap as the report names it: its beginning in the source's time, how long, and why."""

    at_s: float
    seconds: float
    why: str


def share(values: Sequence[float], part: float) -> float:
    """The smallest value that this part of them does not exceed; NaN without values.

    >>> share([3.0, 1.0, 2.0, 4.0], 0.5)
    2.0
    """
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def ages_s(lines: Sequence[Line], taken_s: Callable[[int], float]) -> list[float]:
    """How old each picture was when its computation began."""
    return [line.began_s - taken_s(line.picture) for line in lines if line.picture is not None]


def returned(
    trouble: Trouble,
    lines: Sequence[Line],
    *,
    taken_s: Callable[[int], float],
    plays: Sequence[float],
    keyframes: Sequence[float],
) -> Return:
    """Say how the edge came back after a fault.

    Args:
        trouble: The fault.
        lines: All lines.
        taken_s: When a picture was taken.
        plays: When connections began to get pictures.
        keyframes: When keyframes were taken.
    """
    read = [line for line in lines if line.picture is not None]
    since = [line for line in read if line.picture is not None and taken_s(line.picture) >= trouble.ended_s]
    if not since:
        return Return(math.inf, math.inf)
    busy_s = max((line.at_s for line in read if line.at_s < since[0].at_s), default=-math.inf)
    # A connection made since the fault began sees the next keyframe; one that stayed sees the first since the return.
    plays_since = [play for play in plays if trouble.began_s <= play <= since[0].at_s]
    joined_s = max(trouble.ended_s, *plays_since) if plays_since else trouble.ended_s
    seen = next((at_s for at_s in sorted(keyframes) if at_s >= joined_s), math.inf)
    return Return(since[0].at_s - trouble.ended_s, max(0.0, since[0].began_s - max(seen, busy_s)))


def gaps_of(report: Mapping[str, Any]) -> list[Gap] | None:
    """The gaps that a report names; None if it knows none."""
    source = report.get("source")
    if not isinstance(source, Mapping) or "gaps" not in source:
        return None
    return [
        Gap(float(gap.get("at_s", math.nan)), float(gap.get("seconds") or math.nan), str(gap.get("why")))
        for gap in source["gaps"]
    ]


def source_clock(lines: Sequence[Line], taken_s: Callable[[int], float]) -> Callable[[float], float]:
    """From `time.monotonic` to the source's time, as the results give it: by the last result before, or the first."""
    known = [
        (line.at_s, float(line.record["source_s"]) - taken_s(line.picture))
        for line in lines
        if line.picture is not None
    ]

    def source_s(at_s: float) -> float:
        before = [shift for known_s, shift in known if known_s <= at_s] or [shift for _, shift in known[:1]]
        return at_s + before[-1] if before else math.nan

    return source_s


def unnamed(troubles: Sequence[Trouble], gaps: Sequence[Gap], source_s: Callable[[float], float]) -> list[Trouble]:
    """The interruptions that no gap of the report stands for; one gap may stand for several that followed closely.

    Args:
        troubles: The faults.
        gaps: What the report names.
        source_s: From `time.monotonic` to the source's time.
    """

    def names(gap: Gap, trouble: Trouble) -> bool:
        began_s = source_s(trouble.began_s)
        ended_s = began_s + trouble.ended_s - trouble.began_s
        until_s = gap.at_s + (0.0 if math.isnan(gap.seconds) else gap.seconds)
        return gap.at_s - _SAME_GAP_S <= ended_s and began_s <= until_s + _SAME_GAP_S

    return [trouble for trouble in troubles if trouble.interrupts and not any(names(gap, trouble) for gap in gaps)]
