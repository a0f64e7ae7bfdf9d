"""Decodes the packets of a stream; a picture's name is the number of its packet, its colours come on demand."""

from collections.abc import Callable
from functools import partial
from typing import cast

import av

from pictures.errors import PictureError
from pictures.packets import Packet
from pictures.picture import MOST_PIXELS, Picture, upright
from pictures.rgb import picture_of
from pictures.stills import decode_still
from pictures.stream_format import StreamFormat

__all__ = ["PacketDecoder", "damage_of", "picture_of"]


class PacketDecoder:
    """Decodes one stream's packets, in order, from a keyframe on. For one thread at a time.

    Args:
        stream_format: The stream's.

    Raises:
        PictureError: There is no decoder for packets of this format.

    Attributes:
        damaged: Numbers of those pictures that came out last of which the decoder says that they are damaged.
    """

    def __init__(self, stream_format: StreamFormat) -> None:
        self.damaged: list[int] = []
        self._format = stream_format
        self._context: av.VideoCodecContext | None = None
        if not stream_format.stands_alone:
            raise PictureError(f"packets of {stream_format.codec!r} cannot be decoded without their container")
        if not stream_format.is_intra:
            self._context = _opened(stream_format)

    @property
    def delay(self) -> int:
        """How many packets more the decoder needs before it gives a picture out; known after the first packets."""
        if self._context is None:
            return 0
        return max(self._context.reorder_depth, self._format.reorder)

    def feed(self, packet: Packet) -> list[tuple[int, Callable[[], Picture]]]:
        """Decode one packet.

        Returns:
            The pictures that it completes, in display order: their numbers, and what makes each of them. Only that
            converts to RGB (and decodes a still), and raises PictureError if it cannot, or if the picture is damaged.
            It may be called in any thread, and once the decoder has gone on.

        Raises:
            PictureError: The packet cannot be decoded. The decoder may go on at a keyframe.
        """
        if self._context is None:
            return [(packet.number, partial(_still, packet.data, self._format))]
        if not packet.data:  # to FFmpeg an empty packet is the end of the stream
            raise PictureError(f"packet {packet.number} is empty")
        # Not `av.Packet(packet.data)`: decoders read beyond the end, and only FFmpeg's own packets have zeros there.
        fed = av.Packet(len(packet.data))
        fed.update(packet.data)
        fed.pts = fed.dts = packet.number
        fed.is_keyframe = packet.is_keyframe
        try:
            frames = self._context.decode(fed)
        except (av.FFmpegError, ValueError) as error:
            raise PictureError(f"packet {packet.number} cannot be decoded: {error}") from error
        return self._pictures(frames)

    def drain(self) -> list[tuple[int, Callable[[], Picture]]]:
        """The pictures that are still held back, because no packet follows; the decoder takes no more packets then."""
        if self._context is None:
            return []
        try:
            return self._pictures(self._context.decode(None))
        except (av.FFmpegError, ValueError):  # what it held back was damaged
            return []

    def _pictures(self, frames: list[av.VideoFrame]) -> list[tuple[int, Callable[[], Picture]]]:
        self.damaged = [frame.pts for frame in frames if frame.pts is not None and frame.is_corrupt]
        return [(frame.pts, partial(_undamaged, frame, self._format)) for frame in frames if frame.pts is not None]


def damage_of(number: int) -> str:
    """Why a picture is lost that the decoder calls damaged."""
    return f"the decoder says that picture {number} is damaged"


def _undamaged(frame: av.VideoFrame, stream_format: StreamFormat) -> Picture:
    if frame.is_corrupt:  # parts are made up; this is not known of all damaged pictures
        raise PictureError(damage_of(frame.pts or 0))
    return picture_of(frame, stream_format)


def _still(data: bytes, stream_format: StreamFormat) -> Picture:
    picture = decode_still(data)
    if stream_format.aspect == (1, 1):
        return picture
    return upright(picture.image, 0, aspect=stream_format.aspect)


def _opened(stream_format: StreamFormat) -> av.VideoCodecContext:
    try:
        context = cast("av.VideoCodecContext", av.CodecContext.create(stream_format.codec, "r"))
        context.thread_count = 1  # frame threads would hold pictures back
        context.options = {"max_pixels": str(MOST_PIXELS)}
        if stream_format.extradata:
            context.extradata = stream_format.extradata
        context.width, context.height = stream_format.width, stream_format.height
        # What the container said; flags in the packets win over it, as they do in FFmpeg's own programs.
        context.color_range, context.colorspace = stream_format.colour_range, stream_format.colour_space
        context.open()
        context.reorder_depth = max(context.reorder_depth, stream_format.reorder)
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise PictureError(f"no decoder for {stream_format.codec!r}: {error}") from error
    return context
