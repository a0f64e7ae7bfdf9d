"""Which packets go with a frame: those since the frame before it, or those since a keyframe.

A session is what a decoder in the cloud has had without a gap: packets of one history, on one stream.

         ┌──────────── sent ─────────────┐
         ▼                               │
    NONE ── choose: from a keyframe on ──► GOING ON ── choose: from the packet after the last one on
      ▲                                     │
      └── refused; another stream, or another history of packets; too much to catch up with: until a keyframe

Laws, besides those of `split.proto`:

- the packets of frames that were dropped, or computed here, go with the next frame that is sent;
- a keyframe that comes after the last packet sent begins a session anew: what lies between is not needed;
- what is chosen changes nothing until it is `sent`, so `choose` may be asked at any time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pictures import Compressed, Packet, PacketHistory
from split_wire import limits

__all__ = ["FramePackets", "PacketSession"]

_CHECKED_FRAMES = 3  # at the beginning of a stream
_CHECK_EVERY_S, _OVERDUE_S = 5.0, 15.0
# Packets to decode for a check: behind a keyframe they are few. A slow edge would hold up the frames that follow.
_LITTLE_WORK, _MOST_WORK = 12, 64
_PATIENT_SESSIONS, _LONGEST_WAIT_S = 3, 60.0
_PATIENCE = 4.0  # a session is worth more than one frame
_IDLE_S = limits.SESSION_IDLE_S / 2  # the rest is for messages under way


@dataclass(frozen=True, slots=True)
class FramePackets:
    """What goes with one frame.

    Attributes:
        compressed: The frame's picture.
        first: Number of the first packet, or of the next one if there is none.
        packets: Without gaps.
        begins: Whether a session begins with them.
        session: Counts sessions.
        stream: The stream that they are for.
    """

    compressed: Compressed
    first: int
    packets: Sequence[Packet]
    begins: bool
    session: int
    stream: int

    @property
    def size(self) -> int:
        """Bytes of the packets."""
        return sum(len(packet.data) for packet in self.packets)


class PacketSession:
    """See the module docstring.

    Args:
        frame_bytes: What the frame takes otherwise: a session does not begin with more than that after its keyframe.
    """

    def __init__(self, frame_bytes: float) -> None:
        self._frame_bytes = frame_bytes
        self._history: PacketHistory | None = None
        self._stream = -1
        self._next = 0
        self._session = 0
        self._goes_on = False
        self._sent_s = -math.inf
        self._waits_until_s = -math.inf
        self._failures = 0
        self._checks = 0
        self._checked_s = -math.inf

    def choose(self, picture: Compressed, stream: int, now_s: float) -> FramePackets | None:
        """The packets that go with a frame on a stream; None if it has to be sent otherwise."""
        if not picture.is_complete or picture.damage is not None or now_s < self._waits_until_s:
            return None
        goes_on = self._goes_on and self._is_same(picture, stream) and now_s - self._sent_s < _IDLE_S
        begins = not goes_on or picture.start > self._next
        first = picture.start if begins else self._next
        if picture.through - first >= limits.MAX_PACKETS:
            return None
        packets = _packets(picture, first)
        if packets is None or (begins and not (packets and packets[0].is_keyframe)):
            return None
        if picture.is_damaged(first):
            return None  # the cloud would refuse them, again and again
        session = self._session + 1 if begins else self._session
        chosen = FramePackets(picture, first, packets, begins, session, stream)
        return chosen if self._is_worth_it(chosen) else None

    def sent(self, chosen: FramePackets, *, checked: bool, now_s: float) -> None:
        """The packets are on their way; frames before them are, too. A session that ended meanwhile stays ended.

        Args:
            chosen: What `choose` returned last.
            checked: Whether their digest goes with them.
            now_s: The time.
        """
        if not chosen.begins and not self._goes_on:
            return  # the cloud would refuse them, and those that follow them
        if not self._is_same(chosen.compressed, chosen.stream):
            self._checks = 0
        self._stream, self._history = chosen.stream, chosen.compressed.history
        self._session, self._goes_on = chosen.session, True
        self._next, self._sent_s = chosen.first + len(chosen.packets), now_s
        if checked:
            self._checks += 1
            self._checked_s = now_s

    def wants_check(self, chosen: FramePackets, now_s: float, *, work: int) -> bool:
        """Whether the digest of the picture should go with it.

        Args:
            chosen: What is sent.
            now_s: The time.
            work: How many packets have to be decoded here for it: a digest is not worth a long catching up.
        """
        begun = self._is_same(chosen.compressed, chosen.stream)
        since_s = now_s - self._checked_s if begun and self._checks >= _CHECKED_FRAMES else math.inf
        if since_s < _CHECK_EVERY_S:
            return False
        if since_s >= _OVERDUE_S:
            return work <= _MOST_WORK
        is_large = not chosen.compressed.history.format.is_intra and any(each.is_keyframe for each in chosen.packets)
        return work <= _LITTLE_WORK and not is_large  # a keyframe takes its frame long enough

    def is_on(self, chosen: FramePackets, stream: int) -> bool:
        """Whether packets that were chosen are still of use when their turn to be sent comes."""
        return self._goes_on and chosen.session == self._session and chosen.stream == stream

    def answered(self, chosen: FramePackets) -> None:
        """The cloud has decoded these packets."""
        if chosen.session == self._session:
            self._failures = 0

    def ended(self, chosen: FramePackets, now_s: float) -> None:
        """The session of these packets is over, or they were not sent; later sessions are not affected.

        After a few sessions without an answer, the next one waits for longer and longer.
        """
        if not (self._goes_on and chosen.session == self._session):
            return
        self._goes_on = False
        self._failures += 1
        if self._failures > _PATIENT_SESSIONS:
            self.wait(now_s + min(2.0 ** (self._failures - _PATIENT_SESSIONS), _LONGEST_WAIT_S))

    def wait(self, until_s: float) -> None:
        """No packets until then."""
        self._waits_until_s = max(self._waits_until_s, until_s)

    def _is_same(self, picture: Compressed, stream: int) -> bool:
        return stream == self._stream and picture.history is self._history

    def _is_worth_it(self, chosen: FramePackets) -> bool:
        if len(chosen.packets) > limits.MAX_PACKETS or chosen.size > limits.MAX_CUT_BYTES:
            return False
        if chosen.compressed.history.format.is_intra:
            return chosen.size <= self._frame_bytes
        # A keyframe is large, but without it no packets are ever sent.
        between = sum(len(packet.data) for packet in chosen.packets if not packet.is_keyframe)
        return between <= self._frame_bytes * (1.0 if chosen.begins else _PATIENCE)


def _packets(picture: Compressed, first: int) -> Sequence[Packet] | None:
    """A picture's packets from one on, and those more that the cloud's decoder has proved to need."""
    packets = picture.packets(first) if first <= picture.through else ()
    late = picture.history.delay - picture.delay
    if packets is None or late <= 0:
        return packets
    begin = max(first, picture.through + 1)
    later = picture.history.between(begin, picture.through + late)
    return None if later is None else (*packets, *later)
