"""A group of packets, from a keyframe on: pictures that refer to each other."""

from collections import deque
from dataclasses import dataclass, field

from pictures.packets import Packet

__all__ = ["Group"]


@dataclass(slots=True)
class Group:
    """Packets from a keyframe on.

    Attributes:
        first: Number of the keyframe.
        is_whole: Whether it begins with a keyframe; a stream may not.
        packets: In order, without gaps; the first ones are missing in a group that became too large.
        bytes: Of these packets.
        leading: Numbers of those that are shown before the keyframe, and so may need the group before.
        recoveries: Numbers of those from which on pictures refer to none before, though decoding cannot begin there.
        early: Numbers of those behind a recovery that are shown before it, and so may need what lies before it.
        disposable: Numbers of those that no other refers to.
        damage: Packets that cannot be decoded, and why: what follows refers to them, up to a recovery.
        lost: Disposable packets that cannot be decoded, and why.
    """

    first: int
    is_whole: bool = True
    packets: deque[Packet] = field(default_factory=deque)
    bytes: int = 0
    leading: set[int] = field(default_factory=set)
    disposable: set[int] = field(default_factory=set)
    recoveries: list[int] = field(default_factory=list)
    early: set[int] = field(default_factory=set)
    damage: dict[int, str] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)

    @property
    def begin(self) -> int:
        """Number of the first packet that is still here."""
        return self.packets[0].number

    def within(self, first: int, last: int) -> list[Packet]:
        """The packets from one number to another, as far as they are here."""
        begin = self.begin
        indices = range(max(first - begin, 0), min(last - begin + 1, len(self.packets)))
        if len(indices) > 8:  # a deque is slow in its middle
            return list(self.packets)[indices.start : indices.stop]
        return [self.packets[i] for i in indices]

    def note(self, number: int, reason: str, *, made_up: bool = False) -> None:
        """A packet cannot be decoded, or its picture is made up in part: at first all are, where no keyframe begins."""
        if number in self.disposable or (made_up and not self.is_whole):
            self.lost[number] = reason
        else:
            self.damage[number] = reason

    def spoilt(self, number: int) -> str | None:
        """Why a picture cannot be decoded, if that is known; it may be one of the next group."""
        if number in self.lost or number in self.damage:
            return self.lost.get(number) or self.damage[number]
        recoveries = [each for each in self.recoveries if each <= number]
        if number in self.early:
            del recoveries[-1:]
        since = recoveries[-1] if recoveries else self.first
        for damaged, reason in tuple(self.damage.items()):
            if since <= damaged < number:
                return f"packet {number} refers to one that is damaged: {reason}"
        return None
