"""From a stream's packets, in decoding order, to its shots, in display order, without decoding them.

A decoder gives a picture out as soon as it has had so many more packets as it holds back (its delay): it then gives out
the earliest that it has. So is it done here, by the times of the packets. The first packets are decoded along, to check
that the decoder agrees; if it does not, the stream is decoded at once, as one is whose packets cannot be used alone.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge_service.frame_image import Shot
from edge_service.sources.keyframes import begins_anew
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import CompressedShot, LostShot, ShotToDecode
from pictures import Compressed, PacketDecoder, PacketHistory, Picture, PictureError, StreamFormat

__all__ = ["PacketShots", "takes_packets"]

Make = Callable[[], Picture]

_PICTURES = frozenset({"still", "h264", "hevc", "mpeg4", "vp8", "vp9", "libdav1d"})
_CHECKED = 16  # packets that are decoded along
_MOST_LATE = 16  # pictures that a decoder may hold back at most: those whose times make no sense are shown then


def takes_packets(stream_format: StreamFormat) -> bool:
    """Whether each of the packets of such a stream holds one picture, so that `PacketShots` can be used."""
    return stream_format.codec in _PICTURES and stream_format.stands_alone


@dataclass(frozen=True, slots=True, order=True)
class _Pending:
    """A picture that is not shown yet; ordered as pictures are shown."""

    keyframes: int
    pts_s: float
    number: int
    at_s: float


class PacketShots:
    """The shots of one stream; for one thread.

    Args:
        stream_format: The stream's, one that `takes_packets`.
        history: Gets the packets; it must be new. By default one is made.
    """

    def __init__(self, stream_format: StreamFormat, history: PacketHistory | None = None) -> None:
        self.history = PacketHistory(stream_format) if history is None else history
        self._format = stream_format
        self._displayed = _displayed(stream_format)
        self._pending: list[_Pending] = []
        self._keyframes = 0
        self._keyframe_pts_s = -math.inf
        self._pts_s = -math.inf
        self._dts_s: float | None = None
        self._last = -1
        self._shown = 0
        self._damaged: dict[int, str] = {}
        self._decoder = None if stream_format.is_intra else PacketDecoder(stream_format)
        self._at_once = False

    def add(
        self,
        data: bytes,
        is_keyframe: bool,  # as packets have it
        pts_s: float | None = None,
        dts_s: float | None = None,
        *,
        at_s: float | None = None,
        is_disposable: bool = False,
        damage: str = "",
    ) -> list[Timed[Shot]]:
        """Take the next packet.

        Args:
            data: Its bytes.
            is_keyframe: Whether it is flagged as a keyframe.
            pts_s: When its picture is shown, in seconds; None if that is not known.
            dts_s: When it is decoded, in seconds; None if that is not known.
            at_s: The time of its shot, if that is another than `pts_s`, such as when it arrived.
            is_disposable: Whether no other picture refers to it.
            damage: Why it cannot be decoded, if that is known.

        Returns:
            The shots that it completes, in display order; none before the first keyframe.
        """
        if not data:
            return []
        anew = self._format.is_intra or (is_keyframe and begins_anew(self._format, data))
        if self._last < 0 and not (anew or is_keyframe):
            return []
        self._pts_s = pts_s if pts_s is not None else self._pts_s
        if anew:
            self._keyframes += 1
        if anew or is_keyframe:
            self._keyframe_pts_s = self._pts_s
        self._dts_s = dts_s
        self._last = self.history.add(
            data,
            is_keyframe=anew,
            is_recovery=is_keyframe,
            is_leading=self._pts_s < self._keyframe_pts_s,
            is_disposable=is_disposable,
            damage=damage,
        )
        if not _is_hidden(self._format, data):
            shown_s = at_s if at_s is not None else max(self._pts_s, 0.0) if pts_s is None else pts_s
            heapq.heappush(self._pending, _Pending(self._keyframes, self._pts_s, self._last, shown_s))
        if self._decoder is not None:
            return self._decoded_along(self._decoder)
        return self._emitted(self.history.delay)

    def end(self) -> list[Timed[Shot]]:
        """The shots that are left when no packet follows."""
        self.history.ended = True
        if self._decoder is not None:
            drained, self._decoder = self._agreed(self._decoder.drain()), None
            return [*drained, *self._emitted(0)]
        return self._emitted(0)

    def _emitted(self, held: int) -> list[Timed[Shot]]:
        """The shots of all pending pictures but the last `held`."""
        delay = self.history.delay
        shots: list[Timed[Shot]] = []
        while len(self._pending) > held:
            first = self._pending[0]
            may_come_earlier = self._dts_s is not None and first.pts_s > self._dts_s
            if held and may_come_earlier and len(self._pending) <= held + _MOST_LATE:
                break
            heapq.heappop(self._pending)
            shots.append(self._shot(first, max(first.number, self._shown + delay)))
            self._shown += 1
        return shots

    def _shot(self, picture: _Pending, through: int) -> Timed[Shot]:
        compressed = Compressed(
            self.history, picture.number, min(through, self._last), is_complete=through <= self._last
        )
        return Timed(picture.at_s, CompressedShot(compressed, self._displayed))

    def _decoded_along(self, decoder: PacketDecoder) -> list[Timed[Shot]]:
        packet = self.history.between(self._last, self._last)
        try:
            out = decoder.feed(packet[0]) if packet else []
        except PictureError as error:
            self._damaged[self._last] = str(error)
            out = []
        shots = self._agreed(out)
        if not self._at_once and self._last + 1 >= _CHECKED + self.history.delay:
            self._decoder = None
        return shots

    def _agreed(self, pictures: Iterable[tuple[int, Make]]) -> list[Timed[Shot]]:
        """The shots of pictures that the decoder gave out; if others were expected, it decodes all from now on."""
        shots: list[Timed[Shot]] = []
        for number, make in pictures:
            while self._pending and self._pending[0].number in self._damaged:
                lost = heapq.heappop(self._pending)
                shots.append(Timed(lost.at_s, LostShot(self._damaged.pop(lost.number))))
                self._shown += 1
            expected = self._pending[0] if self._pending else None
            if expected is not None and expected.number == number and not self._at_once:
                heapq.heappop(self._pending)
                self.history.delay = max(self.history.delay, self._last - self._shown)
                shots.append(self._shot(expected, self._last))
                self._shown += 1
                continue
            self._at_once = True
            shots += self._out_of_order(number, make)
        return shots

    def _out_of_order(self, number: int, make: Make) -> list[Timed[Shot]]:
        found = next((pending for pending in self._pending if pending.number == number), None)
        if found is None:
            return []
        self._pending = [pending for pending in self._pending if pending is not found]
        heapq.heapify(self._pending)
        return [Timed(found.at_s, ShotToDecode(make))]


def _is_hidden(stream_format: StreamFormat, data: bytes) -> bool:
    """Whether a packet's picture is only a reference for others (RFC 6386, 9.1: the flag show_frame)."""
    return stream_format.codec == "vp8" and bool(data) and not data[0] >> 4 & 1


def _displayed(stream_format: StreamFormat) -> tuple[int, int] | None:
    width, height = stream_format.width, stream_format.height
    if not (width and height):
        return None
    aspect = stream_format.aspect[0] / stream_format.aspect[1]
    if stream_format.rotation in (90, 270):
        width, height, aspect = height, width, 1 / aspect
    return max(1, round(width * aspect)), height
