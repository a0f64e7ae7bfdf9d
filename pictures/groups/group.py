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
        disposable: Numbers of those that no other refers to.
        bases: For pictures behind a recovery point, its number: they refer to nothing before it.
        damaged: Packets that cannot be decoded, and why: what follows refers to them, up to the next recovery point.
        lost: Disposable packets that cannot be decoded, and why.
    """

    first: int
    is_whole: bool = True
    packets: deque[Packet] = field(default_factory=deque)
    bytes: int = 0
    leading: set[int] = field(default_factory=set)
    disposable: set[int] = field(default_factory=set)
    bases: dict[int, int] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)
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
        elif self.damage(number) is None:
            self.damaged[number] = reason

    def forget_first(self) -> None:
        """Let the first packet go, and what is known of it alone."""
        oldest = self.packets.popleft()
        self.bytes -= len(oldest.data)
        self.disposable.discard(oldest.number)
        self.leading.discard(oldest.number)
        self.lost.pop(oldest.number, None)
        base = self.bases.pop(oldest.number, self.first)
        for each in [each for each in self.damaged if each < base]:
            del self.damaged[each]

    def damage(self, number: int) -> str | None:
        """Why a picture of this group, or a leading one of the next, is lost; None if that is not known."""
        if number in self.lost:
            return self.lost[number]
        base = self.bases.get(number, self.first)
        found = {
            each: why for each, why in dict(self.damaged).items() if base <= each <= number
        }  # threads may add more
        if not found:
            return None
        reason = found[min(found)]
        return reason if number in found else f"packet {number} refers to one that is damaged: {reason}"
