"""Judges which packets' pictures are lost after damage: all that refer to a lost one, up to the next keyframe. Pure.

A decoder that missed a picture goes on without an error, and gives out pictures that are wrong. So what follows a lost
picture is lost too, until a keyframe; and behind that, what is shown before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["LOOKAHEAD", "REFERS", "Damage", "PacketFacts", "means_join"]

LOOKAHEAD = 2
"""How many packets behind a flagged one tell what the flag means."""

REFERS = "it refers to a picture that is lost"
"""Why a picture is lost that can be decoded."""
_FOLLOWS = 1.5  # intervals from a packet to the next one, when none is missing between them
_LONGEST_STEP_S = 10.0  # see `timeline`


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """What a container says of a packet.

    Attributes:
        is_keyframe: Whether decoding can begin here.
        is_corrupt: Whether bytes are missing: in this packet, the next one, or behind that (parsers are late).
        is_disposable: Whether no other picture refers to it.
        pts_s: When its picture is shown, in seconds; None if unknown.
        dts_s: When it is decoded, in seconds; None if unknown.
    """

    is_keyframe: bool
    is_corrupt: bool = False
    is_disposable: bool = False
    pts_s: float | None = None
    dts_s: float | None = None


class Damage:
    """Follows one stream's packets in decoding order."""

    def __init__(self) -> None:
        self._broken: str | None = None
        self._before_s = float("-inf")

    def lost(self, facts: PacketFacts) -> str | None:
        """Why the picture of the next packet is lost already; None if it is not."""
        if facts.is_keyframe:
            self._before_s = float("-inf") if self._broken is None or facts.pts_s is None else facts.pts_s
            self._broken = None
            return None
        if self._broken is not None:
            return self._broken
        if facts.pts_s is not None and facts.pts_s < self._before_s:
            return REFERS
        self._before_s = float("-inf")
        return None

    def failed(self, facts: PacketFacts) -> None:
        """The packet cannot be decoded."""
        if not facts.is_disposable:
            self._broken = REFERS


def means_join(flagged: PacketFacts, following: Sequence[PacketFacts], interval_s: float) -> bool:
    """Whether a packet is flagged as corrupt only because recordings were joined behind it: nothing is missing.

    A recording begins with a keyframe, at a time of its own or one interval after the one before it.

    Args:
        flagged: The packet.
        following: The next ones, `LOOKAHEAD` of them unless the stream ends.
        interval_s: From picture to picture.
    """
    for place, (before, packet) in enumerate(pairwise([flagged, *following])):
        if not packet.is_keyframe or before.dts_s is None or packet.dts_s is None:
            continue
        step_s = packet.dts_s - before.dts_s
        if not 0 <= step_s <= _LONGEST_STEP_S or (place and step_s < _FOLLOWS * interval_s):
            return True
    return False
