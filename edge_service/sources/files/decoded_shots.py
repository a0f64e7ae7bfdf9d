"""Decodes a container's packets at once: pictures in the order of display, with those that are lost at their places."""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import av

from edge_service.frame_image import Shot
from edge_service.sources.files.damage import LOOKAHEAD, REFERS, Damage, PacketFacts, means_join
from edge_service.sources.shots import LostShot, ShotToDecode
from pictures import StreamFormat, decode_still, picture_of

__all__ = ["DecodedShots", "Unplaced", "facts_of"]

_MISSING = "bytes are missing from its packet, or from one before it"
_MOST_UNDER_WAY = 1024  # packets whose pictures may still come; decoders hold back a few dozen


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A picture with its container's times, in seconds; see `Timeline.place`."""

    pts_s: float | None
    dts_s: float | None
    shot: Shot


@dataclass(frozen=True, slots=True)
class _Packet:
    """A packet in the decoder. `order`: its place in the order of display; times begin anew in each part."""

    facts: PacketFacts
    order: tuple[int, float]


class DecodedShots:
    """Decodes one stream's packets, and numbers them: the number is their pictures' identity.

    Args:
        stream: Of an open container.
        interval_s: From picture to picture, at this moment.

    Attributes:
        failed_last: How many packets failed since the last picture that was decoded.
    """

    def __init__(self, stream: av.VideoStream, interval_s: Callable[[], float]) -> None:
        self.failed_last = 0
        self._stream = stream
        self._interval_s = interval_s
        self._format: StreamFormat | None = None
        self._is_intra = StreamFormat.of(stream).is_intra
        self._damage = Damage()
        self._held: list[tuple[av.Packet[av.VideoStream], PacketFacts]] = []
        self._packets: OrderedDict[int, _Packet] = OrderedDict()
        self._lost: list[tuple[tuple[int, float], int, LostShot, float | None]] = []
        self._number = 0
        self._part = 0
        self._last_dts_s = -math.inf

    def add(self, packet: av.Packet[av.VideoStream]) -> list[Unplaced]:
        """Take the next packet, in decoding order; returns the pictures that are complete now."""
        facts = facts_of(packet)
        if not self._held and not facts.is_corrupt:
            return self._decode(packet, facts, None)
        self._held.append((packet, facts))  # what follows says whether anything is missing
        return self._release() if len(self._held) > LOOKAHEAD else []

    def end(self) -> list[Unplaced]:
        """There are no more packets; returns the last pictures."""
        made = self._release()
        try:
            frames = [] if self._is_intra else self._stream.decode(None)
        except (av.FFmpegError, ValueError):
            frames = []
        for frame in frames:
            made += self._given_out(frame)
        return [*made, *self._lost_before((self._part + 1, -math.inf))]

    def _release(self) -> list[Unplaced]:
        """Decode the packets that were held because the first one is flagged."""
        held, self._held = self._held, []
        if not held:
            return []
        flagged, *following = [facts for _, facts in held]
        if means_join(flagged, following, self._interval_s()):
            return [made for packet, facts in held for made in self._decode(packet, facts, None)]
        made = [each for packet, facts in held[:LOOKAHEAD] for each in self._decode(packet, facts, _MISSING)]
        return [*made, *(each for packet, _ in held[LOOKAHEAD:] for each in self.add(packet))]

    def _decode(self, packet: av.Packet[av.VideoStream], facts: PacketFacts, missing: str | None) -> list[Unplaced]:
        number, self._number = self._number, self._number + 1
        if facts.dts_s is not None:
            self._part += facts.dts_s < self._last_dts_s
            self._last_dts_s = facts.dts_s
        order = (self._part, number * self._interval_s() if facts.pts_s is None else facts.pts_s)
        self._packets[number] = _Packet(facts, order)
        while len(self._packets) > _MOST_UNDER_WAY:
            self._packets.popitem(last=False)
        reason = self._damage.lost(facts) or missing
        if reason is not None:
            self._lose(number, reason)
        if missing is not None:
            self._damage.failed(facts)
        if self._is_intra:
            return [] if reason is not None else [self._still(packet, number)]
        packet.pts = packet.dts = number
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError) as error:
            self._damage.failed(facts)
            self.failed_last += 1
            if reason is None:
                self._lose(number, f"its packet cannot be decoded: {getattr(error, 'strerror', '') or error}")
            return []
        return [made for frame in frames for made in self._given_out(frame)]

    def _still(self, packet: av.Packet[av.VideoStream], number: int) -> Unplaced:
        facts = self._packets.pop(number).facts
        return Unplaced(facts.pts_s, facts.dts_s, ShotToDecode(partial(decode_still, bytes(packet))))

    def _lose(self, number: int, reason: str) -> None:
        packet = self._packets.pop(number)
        heapq.heappush(self._lost, (packet.order, number, LostShot(reason), packet.facts.pts_s))

    def _lose_under_way(self, number: int, facts: PacketFacts) -> None:
        """What the decoder had already when it gave out a damaged picture refers to that one."""
        if facts.is_disposable:
            return
        for later in [each for each in self._packets if each > number]:
            if self._packets[later].facts.is_keyframe:
                break
            self._lose(later, REFERS)

    def _given_out(self, frame: av.VideoFrame) -> Iterator[Unplaced]:
        """A frame of the decoder, after the lost pictures that are shown before it."""
        packet = self._packets.pop(frame.pts, None) if frame.pts is not None else None
        if packet is None and frame.pts is not None:  # lost already, or a second picture of one packet
            return
        if packet is not None:
            yield from self._lost_before(packet.order)
        self._format = self._format or StreamFormat.of(self._stream, frame)
        shot: Shot = ShotToDecode(partial(picture_of, frame, self._format))
        if frame.is_corrupt:
            shot = LostShot("the decoder says that it is damaged")
            if packet is not None:
                self._damage.failed(packet.facts)
                self._lose_under_way(frame.pts or 0, packet.facts)
        else:
            self.failed_last = 0
        trigger = self._packets.get(frame.dts) if frame.dts is not None else None
        dts_s = trigger.facts.dts_s if trigger is not None else None
        yield Unplaced(packet.facts.pts_s if packet is not None else None, dts_s, shot)

    def _lost_before(self, order: tuple[int, float]) -> Iterator[Unplaced]:
        while self._lost and self._lost[0][0] < order:
            _, _, shot, pts_s = heapq.heappop(self._lost)
            yield Unplaced(pts_s, None, shot)


def facts_of(packet: av.Packet[av.VideoStream]) -> PacketFacts:
    """What the container says of a packet."""
    base = packet.time_base
    return PacketFacts(
        packet.is_keyframe,
        packet.is_corrupt,
        packet.is_disposable,
        None if packet.pts is None else float(packet.pts * base),
        None if packet.dts is None else float(packet.dts * base),
    )
