"""Opens a video file, chooses its video, and reads that one's packets over errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
from av.stream import Disposition

from edge_service.log import log
from edge_service.sources.addresses import masked
from edge_service.sources.choice import Candidate, chosen
from edge_service.sources.errors import EXPECTED, SourceFailedError, SourceFormatError, SourceNotFoundError
from pictures.picture import MOST_PIXELS

__all__ = ["Packets", "nominal_interval_s", "opened", "promised_end_s", "video_of"]

_STILL = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_DEFAULT_INTERVAL_S = 1 / 25  # of files without a rate
_SHORTEST_S, _LONGEST_S = 1 / 1000, 10.0
_MOST_ERRORS = 16  # in a row; then nothing more can be read
_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")


def opened(path: Path) -> av.container.InputContainer:
    """Open a video file.

    Raises:
        SourceNotFoundError: It cannot be read.
        SourceFormatError: It is not a video.
    """
    try:
        # With an explicit protocol, because FFmpeg would interpret the part of a name before a colon as one; and with
        # no other, because a playlist could name any address.
        return av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except av.InvalidDataError as error:
        raise SourceFormatError(f"{path} is not a video that can be read: {_reason(error)}; {EXPECTED}") from error
    except OSError as error:
        raise SourceNotFoundError(f"{path}: {_reason(error)}; {EXPECTED}") from error
    except (av.FFmpegError, ValueError) as error:
        raise SourceFormatError(f"{path} is not a video that can be read: {_reason(error)}; {EXPECTED}") from error


def video_of(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The video that a player would show; the log names others.

    Raises:
        SourceFormatError: There is none, or no decoder for it.
    """
    videos = {stream.index: stream for stream in container.streams.video}
    best = chosen([_candidate(stream) for stream in videos.values()])
    if best is None:
        held = "nothing but a cover image" if videos else "no pictures"
        raise SourceFormatError(f"{name} holds {held}; expected a video")
    others = [_candidate(stream) for stream in videos.values() if stream.index != best.index]
    if others:
        shown = [f"{each.index}: {each.width}x{each.height}{' (still)' * each.is_still}" for each in others]
        log.info("the source holds other videos", taken=f"{best.index}: {best.width}x{best.height}", others=shown)
    video = videos[best.index]
    if video.codec_context is None:
        raise SourceFormatError(f"{name} holds a video that no decoder here is for; expected another codec")
    video.codec_context.options = {"max_pixels": str(MOST_PIXELS)}  # before a picture's memory is allocated
    video.codec_context.thread_count = 1  # with more, FFmpeg neither conceals damage in H.264 nor reports it
    return video


class Packets:
    """A video's packets in decoding order, without the empty one at the end; goes on after errors.

    Args:
        container: The file.
        video: One of its streams.

    Attributes:
        reached_bytes: The place in the file, of all streams, up to which it was read.
    """

    def __init__(self, container: av.container.InputContainer, video: av.VideoStream) -> None:
        self.reached_bytes = 0
        self._container = container
        self._video = video

    def __iter__(self) -> Iterator[av.Packet[av.VideoStream]]:
        """The packets.

        Raises:
            SourceFailedError: Nothing more can be read, but the file has not come to its end.
        """
        errors: list[Exception] = []
        while True:
            try:
                for packet in self._container.demux():
                    if packet.size:
                        errors = []
                        self.reached_bytes = max(self.reached_bytes, (packet.pos or 0) + packet.size)
                        if packet.stream_index == self._video.index:
                            yield cast("av.Packet[av.VideoStream]", packet)
            except (av.FFmpegError, OSError, ValueError) as error:
                errors.append(error)
                if len(errors) < _MOST_ERRORS:
                    continue
            if errors:
                raise SourceFailedError(_reason(errors[-1])) from errors[-1]
            return


def nominal_interval_s(video: av.VideoStream) -> float:
    """The interval of pictures that the container names. Not to be trusted beyond the first pictures."""
    rate = video.guessed_rate or video.average_rate
    interval_s = 1 / float(rate) if rate else _DEFAULT_INTERVAL_S
    return min(max(interval_s, _SHORTEST_S), _LONGEST_S)


def promised_end_s(container: av.container.InputContainer, video: av.VideoStream) -> float | None:
    """When the video ends by what its file says, in the container's time; None where files say nothing reliable.

    Readers of these formats come to an end without an error where a file is cut off.
    """
    if video.time_base is None:
        return None
    start_s = float((video.start_time or 0) * video.time_base)
    if "avi" in container.format.name:  # its duration is made up from the file's size
        return start_s + float(video.frames * video.time_base) if video.frames else None
    if "matroska" not in container.format.name:
        return None
    found = _DURATION.match(video.metadata.get("DURATION", ""))
    if found is not None:
        return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])
    if container.duration is not None and len(container.streams) == 1:
        return start_s + container.duration / av.time_base
    return None


def _candidate(stream: av.VideoStream) -> Candidate:
    context = stream.codec_context
    width, height = (0, 0) if context is None else (context.width, context.height)
    flags = Disposition(stream.disposition)
    return Candidate(stream.index, width, height, bool(flags & Disposition.default), bool(flags & _STILL))


def _reason(error: BaseException) -> str:
    return masked(getattr(error, "strerror", None) or str(error) or type(error).__name__)
