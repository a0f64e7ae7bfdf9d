"""A decoded video frame to RGB: by swscale, with flags that make it the same on every processor.

The reference is `ffmpeg -vf scale=flags=bicubic+accurate_rnd+full_chroma_int:in_chroma_loc=left -pix_fmt rgb24`, with
the place of chroma that the stream says: docs/decisions/0245.
"""

import av
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from PIL import Image

from pictures.errors import PictureError
from pictures.picture import MOST_PIXELS, Picture, upright
from pictures.stream_format import StreamFormat, orientation_of

__all__ = ["picture_of"]

_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_BT601 = int(Colorspace.ITU601)  # what FFmpeg takes unflagged video for
_RESERVED = frozenset({0, 3})  # 0 is RGB, which it says of YUV in some files; swscale refuses the other


def picture_of(frame: av.VideoFrame, stream_format: StreamFormat | None = None) -> Picture:
    """The picture of a decoded frame.

    Args:
        frame: As FFmpeg decoded it; it is not changed.
        stream_format: What the frame does not know of itself; None: nothing.

    Raises:
        PictureError: The frame is too large, or its pixels cannot be converted.
    """
    if frame.width * frame.height > MOST_PIXELS:
        raise PictureError(f"the picture has {frame.width}x{frame.height} pixels; expected at most {MOST_PIXELS}")
    known = stream_format or StreamFormat("")
    rotation, mirrored = orientation_of(frame) or (known.rotation, known.mirrored)
    return upright(_image_of(frame), rotation, mirrored=mirrored, aspect=known.aspect)


def _image_of(frame: av.VideoFrame) -> Image.Image:
    try:
        # The frame's own scaler is not for two threads. One thread, or the caller's processor time would miss the cost.
        space = _BT601 if frame.colorspace in _RESERVED else None
        plain = VideoReformatter().reformat(
            frame, format="rgb24", src_colorspace=space, dst_colorspace=space, interpolation=_EXACT, threads=1
        )
        return Image.fromarray(plain.to_ndarray())
    except (av.FFmpegError, ValueError) as error:
        raise PictureError(
            f"a picture of {frame.format.name} with the colour matrix {frame.colorspace} cannot be converted to RGB: "
            f"{error}"
        ) from error
