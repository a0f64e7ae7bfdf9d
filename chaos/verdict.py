"""The invariant: each frame read has exactly one result or counted drop, in order; results equal the whole model's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["violations"]

_OUTCOMES = ("offloaded", "edge_only", "local_fallback", "dropped", "failed")


def violations(frames: Sequence[Mapping[str, Any]], report: Mapping[str, Any], exit_code: int) -> list[str]:
    """Return the violations of the invariant, in words; empty if it holds.

    Args:
        frames: The lines of `dads edge --results`, in the order in which they were written.
        report: The content of `--report`; results have been compared if the run had `--verify`.
        exit_code: The edge's.
    """
    found = []
    numbers = [frame["frame"] for frame in frames]
    if numbers != list(range(len(numbers))):
        first = next(place for place, number in enumerate(numbers) if number != place)
        found.append(f"line {first} is of frame {numbers[first]}: not in order, or not each exactly once")
    told, counted = Counter(frame["outcome"] for frame in frames), report["frames"]
    found += [
        f"{told[outcome]} lines say {outcome}, the report {counted[outcome]}"
        for outcome in _OUTCOMES
        if told[outcome] != counted[outcome]
    ]
    if counted["read"] != len(frames):
        found.append(f"{counted['read']} frames were read, {len(frames)} have a line")
    if counted["failed"]:
        errors = [frame.get("error") for frame in frames if frame["outcome"] == "failed"]
        found.append(f"{counted['failed']} frames failed; the first: {errors[0] if errors else 'unknown'}")
    if (verified := report.get("verify")) is not None:
        if verified["different"]:
            found.append(f"{verified['different']} results are not the whole model's")
        if verified["checked"] != counted["done"]:
            found.append(f"{verified['checked']} of {counted['done']} results were compared")
    if exit_code:
        found.append(f"the edge's exit code is {exit_code}")
    return found
