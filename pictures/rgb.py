"""A decoded video frame to RGB, as FFmpeg's own programs convert it, but the same on every processor.

The reference is `ffmpeg -vf scale=flags=bicubic+accurate_rnd+full_chroma_int -pix_fmt rgb24`: docs/decisions/0245.
"""

from typing import cast

import av
from av.filter import Graph
from PIL import Image

from pictures.errors import PictureError
from pictures.picture import MOST_PIXELS, Picture, upright
from pictures.stream_format import StreamFormat, orientation_of

__all__ = ["picture_of"]

_EXACT = "flags=bicubic+accurate_rnd+full_chroma_int"
_UNKNOWN_SPACE = 2
_NAMED_SPACES = frozenset(range(18)) - {3}  # 3 is reserved; FFmpeg refuses the reserved ones


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
    space = frame.colorspace if frame.colorspace in _NAMED_SPACES else _UNKNOWN_SPACE
    # Transfer functions are not applied, and swscale refuses frames with one that it does not know.
    ignored = "color_trc=unknown:color_primaries=unknown" + ("" if space == frame.colorspace else ":colorspace=unknown")
    graph = Graph()
    graph.threads = 1  # or the thread's processor time would miss most of the cost
    try:
        # VideoReformatter would take chroma samples to lie in the centre of their pixels; they lie at the left.
        graph.link_nodes(
            graph.add(
                "buffer",
                video_size=f"{frame.width}x{frame.height}",
                pix_fmt=frame.format.name,
                time_base="1/1",
                colorspace=str(space),
                range=str(frame.color_range),
            ),
            graph.add("setparams", ignored),
            graph.add("scale", _EXACT),
            graph.add("format", "pix_fmts=rgb24"),
            graph.add("buffersink"),
        ).configure()
        graph.push(frame)
        return Image.fromarray(cast("av.VideoFrame", graph.pull()).to_ndarray())
    except (av.FFmpegError, ValueError) as error:
        raise PictureError(
            f"a picture of {frame.format.name} with the colour matrix {frame.colorspace} cannot be converted to RGB: "
            f"{error}"
        ) from error
