"""H.264 as a practitioner streams a camera: every picture encoded in the source's size, with no picture waiting.

The settings are those of a live stream by x264: preset `veryfast`, tune `zerolatency` (no picture refers to a later
one, and none waits for a look ahead), and a constant quality.
"""

from fractions import Fraction

import av

_PRESET = "veryfast"
_TICKS_HZ = 90_000


class Encoder:
    """Makes packets of pictures, one of each.

    Args:
        like: A picture of the size to come.
        crf: x264's constant quality: more is worse.
        rate_hz: Pictures in a second.
    """

    def __init__(self, like: av.VideoFrame, crf: float, rate_hz: float) -> None:
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = like.width, like.height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, _TICKS_HZ), Fraction(rate_hz).limit_denominator(1000)
        context.thread_count = 1
        context.options = {"preset": _PRESET, "tune": "zerolatency", "crf": f"{crf:g}"}
        self._context, self._ticks, self._now = context, round(_TICKS_HZ / rate_hz), 0

    def encode(self, picture: av.VideoFrame) -> bytes:
        """The packet of a picture; its time is set to the next one of this stream."""
        fitting = picture.reformat(format="yuv420p")  # the same picture where it has that format already
        fitting.pts, fitting.time_base, fitting.pict_type = self._now, self._context.time_base, 0
        self._now += self._ticks
        return b"".join(bytes(packet) for packet in self._context.encode(fitting))


class Decoder:
    """Gives the pictures back, each as soon as its packet is there."""

    def __init__(self) -> None:
        self._context = av.CodecContext.create("h264", "r")
        self._context.thread_count = 1

    def decode(self, data: bytes) -> av.VideoFrame:
        """The picture of a packet.

        Raises:
            ValueError: The packet is not one whole picture.
        """
        packet = av.Packet(len(data))  # not of the data itself: its memory must end in zeros
        packet.update(data)
        found = self._context.decode(packet)
        if len(found) != 1:
            raise ValueError(f"a packet gave {len(found)} pictures; expected 1 of a stream without delay")
        return found[0]
