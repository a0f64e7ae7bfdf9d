"""A video file as a source: its pictures at the file's times, over damage and jumps of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av

from edge_service.frame_image import Shot
from edge_service.log import log
from edge_service.sources.errors import SourceFailedError
from edge_service.sources.files.container import Packets, nominal_interval_s, opened, promised_end_s, video_of
from edge_service.sources.files.decoded_shots import DecodedShots, Unplaced
from edge_service.sources.files.packed_shots import PackedShots, format_of
from edge_service.sources.pacing import Timed
from edge_service.sources.source_report import SourceReport
from edge_service.sources.timeline import Timeline
from edge_service.sources.watched import watched
from pictures import StreamFormat

__all__ = ["VideoFile"]

# A file is cut off if it ends by more than this before the time that it says, in seconds and as a share of that.
_MISSING_S, _MISSING_SHARE = 0.5, 0.05
_RESYNCING, _UNREAD_SHARE = "mpegts", 0.1  # its reader skips what it does not understand, to the end of the file
_MOST_FAILED_AT_END = 2  # a recording may end within a picture; when more fail, the rest of the file is unreadable


@dataclass(slots=True)
class VideoFile:
    """The pictures of a video file.

    Attributes:
        path: The file.
        report: Is told of jumps of the file's times.
        as_packets: Whether pictures stay in their packets until somebody needs them.
        live: It is not.
        interval_s: How long the last picture is shown; known when `play` has ended.
    """

    path: Path
    report: SourceReport = field(default_factory=SourceReport)
    as_packets: bool = False
    live: bool = field(default=False, init=False)
    interval_s: float = field(default=0.0, init=False)
    _known: list[StreamFormat | None] = field(default_factory=list, init=False)  # empty until it was looked for

    def play(self) -> Iterator[Timed[Shot]]:
        """Decode from the beginning.

        Raises:
            SourceNotFoundError: The file cannot be read.
            SourceFormatError: It is not a video.
            SourceFailedError: From a picture on it cannot be read or decoded; raised after all that can.
        """
        return watched(self._play(), self.report)

    def _play(self) -> Iterator[Timed[Shot]]:
        with opened(self.path) as container:
            video = video_of(container, str(self.path))
            timeline = Timeline(nominal_interval_s(video), self._jumped)
            packets = Packets(container, video)
            stream_format = self._stream_format() if self.as_packets else None
            shots = (
                DecodedShots(video, lambda: timeline.interval_s)
                if stream_format is None
                else PackedShots(video, lambda: timeline.interval_s, stream_format)
            )
            end_s = 0.0
            try:
                for made in _made(shots, packets):
                    end_s = timeline.place(made.pts_s, made.dts_s)
                    self.interval_s = timeline.interval_s
                    yield Timed(end_s, made.shot)
                _check_decoded(shots)
                _check_length(timeline, promised_end_s(container, video))
                if _RESYNCING in container.format.name:
                    _check_bytes(packets, self.path.stat().st_size)
            except SourceFailedError as error:
                raise SourceFailedError(
                    f"{self.path} cannot be read to its end: after {end_s:.3f} s {error}; expected a whole video file"
                ) from error

    def _stream_format(self) -> StreamFormat | None:
        if not self._known:
            with opened(self.path) as container:
                self._known.append(format_of(container, video_of(container, str(self.path))))
        return self._known[0]

    def _jumped(self, at_s: float, jump_s: float) -> None:
        if self.report.discontinuity() == 1:
            log.warning(
                "the source's times jump; its pictures follow each other all the same",
                source=str(self.path),
                at_s=round(at_s, 3),
                jump_s=round(jump_s, 3),
            )


def _made(shots: DecodedShots, packets: Iterable[av.Packet[av.VideoStream]]) -> Iterator[Unplaced]:
    """All pictures of the packets, also of those before an error."""
    try:
        for packet in packets:
            yield from shots.add(packet)
    except SourceFailedError:
        yield from shots.end()
        raise
    yield from shots.end()


def _check_decoded(shots: DecodedShots) -> None:
    if shots.failed_last > _MOST_FAILED_AT_END:
        raise SourceFailedError(f"the last {shots.failed_last} pictures cannot be decoded")


def _check_length(timeline: Timeline, promised_s: float | None) -> None:
    if promised_s is None or timeline.furthest_s is None:
        return
    missing_s = promised_s - timeline.furthest_s - timeline.interval_s
    if missing_s > max(_MISSING_S, _MISSING_SHARE * promised_s):
        raise SourceFailedError(f"{missing_s:.3f} s are missing")


def _check_bytes(packets: Packets, size: int) -> None:
    unread = size - packets.reached_bytes
    if unread > _UNREAD_SHARE * size:
        raise SourceFailedError(f"the last {unread} of {size} bytes hold no packets")
