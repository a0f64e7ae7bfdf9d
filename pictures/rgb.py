"""A decoded video frame to an upright RGB picture: the same levels on every processor."""

import av
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from pictures.errors import PictureError
from pictures.picture import MOST_PIXELS, Picture
from pictures.stream_format import StreamFormat, orientation_of

__all__ = ["picture_of"]

# The same on every processor but for one sample in a thousand.
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

# Without interpolation, so that no level changes. PIL counts counter-clockwise too.
_TURNS = {
    (90, False): Image.Transpose.ROTATE_90,
    (180, False): Image.Transpose.ROTATE_180,
    (270, False): Image.Transpose.ROTATE_270,
    (0, True): Image.Transpose.FLIP_LEFT_RIGHT,
    (90, True): Image.Transpose.TRANSPOSE,
    (180, True): Image.Transpose.FLIP_TOP_BOTTOM,
    (270, True): Image.Transpose.TRANSVERSE,
}


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
    try:
        plain = VideoReformatter().reformat(frame, format="rgb24", interpolation=_EXACT, threads=1)
    except (av.FFmpegError, ValueError) as error:
        raise PictureError(f"a picture of {frame.format.name} cannot be converted to RGB: {error}") from error
    image = Image.fromarray(plain.to_ndarray())
    known = stream_format or StreamFormat("")
    rotation, mirrored = orientation_of(frame) or (known.rotation, known.mirrored)
    aspect = known.aspect[0] / known.aspect[1]
    turn = _TURNS.get((rotation, mirrored))
    return Picture(image if turn is None else image.transpose(turn), 1 / aspect if rotation in (90, 270) else aspect)
