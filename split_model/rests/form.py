"""`RestForm`: which numpy function stands for the rest of a detector, and the numbers that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from split_model.values import Array

__all__ = ["RestForm", "argument_path"]


@dataclass(frozen=True, slots=True)
class RestForm:
    """A rest that needs no torch.

    Attributes:
        name: One of `split_model.rests.named.RESTS`.
        numbers: What JSON can represent: thresholds, counts, sizes.
        arrays: Such as anchors.
    """

    name: str
    numbers: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)


def argument_path(position: int) -> str:
    """The path under which a network returns what its rest takes at a position."""
    return f"rest:{position}"
