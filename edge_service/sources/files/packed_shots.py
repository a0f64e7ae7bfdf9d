"""A video file's packets as shots that are not decoded: with the container's times, and what is known of damage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import av

from edge_service.frame_image import Shot
from edge_service.sources.files.damage import PacketFacts
from edge_service.sources.files.decoded_shots import DecodedShots, Unplaced
from edge_service.sources.pacing import Timed
from edge_service.sources.packet_shots import PacketShots, takes_packets
from pictures import StreamFormat

__all__ = ["PackedShots", "format_of"]


def format_of(container: av.container.InputContainer, video: av.VideoStream) -> StreamFormat | None:
    """The format of a video whose packets hold its pictures; None if they have to be decoded with their container.

    Decodes the first picture: only that shows how the container turns pictures.
    """
    if not takes_packets(StreamFormat.of(video)):
        return None
    try:
        first = next(iter(container.decode(video)), None)
    except (av.FFmpegError, OSError, ValueError):
        return None
    return None if first is None else StreamFormat.of(video, first)


class PackedShots(DecodedShots):
    """As `DecodedShots`, but the pictures stay in their packets.

    Args:
        stream: Of an open container.
        interval_s: From picture to picture, at this moment.
        stream_format: The stream's.
    """

    def __init__(self, stream: av.VideoStream, interval_s: Callable[[], float], stream_format: StreamFormat) -> None:
        super().__init__(stream, interval_s)
        self._stream_format = stream_format
        self._shots = PacketShots(stream_format)

    def end(self) -> list[Unplaced]:
        """There are no more packets; returns the last pictures."""
        return [*self._release(), *_unplaced(self._shots.end(), None)]

    def _decode(self, packet: av.Packet[av.VideoStream], facts: PacketFacts, missing: str | None) -> list[Unplaced]:
        made: list[Unplaced] = []
        if packet.has_sidedata("new_extradata"):  # another encoder's pictures follow
            made = _unplaced(self._shots.end(), facts.dts_s)
            extradata = bytes(packet.get_sidedata("new_extradata"))
            self._shots = PacketShots(replace(self._stream_format, extradata=extradata, width=0, height=0))
        shots = self._shots.add(
            bytes(packet),
            facts.is_keyframe,
            facts.pts_s,
            facts.dts_s,
            at_s=math.nan if facts.pts_s is None else None,
            is_disposable=facts.is_disposable,
            damage=missing or "",
        )
        return [*made, *_unplaced(shots, facts.dts_s)]


def _unplaced(shots: list[Timed[Shot]], dts_s: float | None) -> list[Unplaced]:
    return [Unplaced(None if math.isnan(shot.at_s) else shot.at_s, dts_s, shot.item) for shot in shots]
