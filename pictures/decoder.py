"""Decodes the packets of a stream to pictures; a picture's name is the number of its packet."""

from collections.abc import Iterator
from typing import cast

import av
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from pictures.errors import PictureError
from pictures.packets import Packet
from pictures.picture import Picture
from pictures.stills import decode_still
from pictures.stream_format import StreamFormat

__all__ = ["PacketDecoder", "picture_of"]

# The same on every processor but for one sample in a thousand.
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class PacketDecoder:
    """Decodes one stream's packets, in order, from a keyframe on. For one thread at a time.

    Args:
        stream_format: The stream's.

    Raises:
        PictureError: There is no such decoder.
    """

    def __init__(self, stream_format: StreamFormat) -> None:
        self._format = stream_format
        self._context: av.VideoCodecContext | None = None
        if stream_format.is_intra:
            return
        try:
            context = cast("av.VideoCodecContext", av.CodecContext.create(stream_format.codec, "r"))
        except (av.FFmpegError, ValueError) as error:
            raise PictureError(f"no decoder for {stream_format.codec!r}: {error}") from error
        context.thread_count = 1  # frame threads would hold pictures back
        if stream_format.extradata:
            context.extradata = stream_format.extradata
        self._context = context

    def feed(self, packet: Packet) -> Iterator[tuple[int, Picture]]:
        """Decode one packet; yields the pictures that it completes, with their numbers, in display order.

        Raises:
            PictureError: The packet cannot be decoded.
        """
        if self._context is None:
            yield packet.number, decode_still(packet.data)
            return
        fed = av.Packet(packet.data)
        fed.pts = fed.dts = packet.number
        try:
            frames = self._context.decode(fed)
        except (av.FFmpegError, ValueError) as error:
            raise PictureError(f"packet {packet.number} cannot be decoded: {error}") from error
        for frame in frames:
            if frame.pts is not None:
                yield frame.pts, picture_of(frame, self._format)


def picture_of(frame: av.VideoFrame, stream_format: StreamFormat | None = None) -> Picture:
    """The picture of a decoded frame.

    Args:
        frame: As FFmpeg decoded it; it is not changed.
        stream_format: What the frame does not know of itself; None: nothing.
    """
    plain = VideoReformatter().reformat(frame, format="rgb24", interpolation=_EXACT, threads=1)
    image = Image.fromarray(plain.to_ndarray())
    known = stream_format or StreamFormat("")
    if known.rotation:
        image = image.rotate(known.rotation, expand=True)
    return Picture(image, known.aspect[0] / known.aspect[1])
