"""Clips whose picture i is grey 8 i + 8, so that frames say which picture they are."""

from fractions import Fraction

import av
import numpy as np
import pytest

GREY_STEP = 8


def written(
    path, *, count=20, rate=10, size=(64, 48), codec="mpeg4", gop=5, b_frames=0, times_ms=None, first=0, container=None
):
    """Writes a clip; `times_ms` are its pictures' times, one interval apart by default."""
    width, height = size
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            stream.options = {"sc_threshold": "0"}  # keyframes only where the test wants them
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = gop, b_frames
        stream.codec_context.time_base = Fraction(1, 1000) if times_ms else Fraction(1, rate)
        for i in range(count):
            grey = np.full((height, width, 3), GREY_STEP * (i + first + 1), np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            if times_ms:
                frame.pts, frame.time_base = times_ms[i], Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def shown(picture):
    """Which picture of `written` it is."""
    return round((float(np.asarray(picture.image).mean()) - GREY_STEP) / GREY_STEP)


@pytest.fixture
def write_clip():
    return written


@pytest.fixture
def picture_number():
    return shown


@pytest.fixture
def spoil():
    """Overwrites the packets of these numbers (in decoding order), or their last part, with zeros."""

    def spoilt(path, numbers, part=1.0):
        with av.open(str(path)) as file:
            places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
        data = bytearray(path.read_bytes())
        for number in numbers:
            at, size = places[number]
            zeros = round(size * part)
            data[at + size - zeros : at + size] = bytes(zeros)
        path.write_bytes(data)
        return path

    return spoilt
