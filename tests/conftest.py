"""Tests interrupt processes as a user at a terminal does, also where they themselves run in the background."""

import os
import shutil
import signal
import tempfile
from fractions import Fraction
from types import SimpleNamespace

import pytest

CACHE = pytest.StashKey[str]()


def pytest_configure(config) -> None:
    """A shell starts background jobs with SIGINT ignored, and children inherit that.

    Commands keep models in a folder of this run: a network is exported once for all tests, and nobody's own folder is
    touched.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["DADS_CACHE_DIR"] = config.stash[CACHE] = tempfile.mkdtemp(prefix="dads-tests-")


def pytest_unconfigure(config) -> None:
    shutil.rmtree(config.stash[CACHE], ignore_errors=True)


@pytest.fixture(scope="session")
def coded_clip():
    """Twenty-four pictures of H.264, 96 by 64, with B-frames and a keyframe every twelve.

    `format`, `packets` in decoding order, `keyframes` (their numbers), and `through`: by picture's number, in display
    order, the packet after which a decoder gives it out. The decoder is never drained, so the last few are not there.
    """
    import av
    import numpy as np

    from pictures import Packet, PacketDecoder, StreamFormat

    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 96, 64, "yuv420p", Fraction(1, 25)
    encoder.options = {"g": "12", "bf": "2", "b_strategy": "0", "crf": "30", "threads": "1"}
    rows, columns = np.mgrid[0:64, 0:96]
    packets = []
    for number in [*range(24), None]:
        frame = None
        if number is not None:
            shifted = [(rows * 3 + number * 9) % 256, (columns * 2 + number * 5) % 256, rows + columns]
            frame = av.VideoFrame.from_ndarray(np.stack(shifted, axis=2).astype(np.uint8), format="rgb24")
            frame.pts = number
        packets += encoder.encode(frame)
    known = StreamFormat("h264", bytes(encoder.extradata or b""), 96, 64, reorder=2)
    decoder, through = PacketDecoder(known), {}
    for number, packet in enumerate(packets):
        for shown, _ in decoder.feed(Packet(number, bytes(packet), is_keyframe=packet.is_keyframe)):
            through[shown] = number
    return SimpleNamespace(
        format=known,
        packets=[bytes(packet) for packet in packets],
        keyframes=[number for number, packet in enumerate(packets) if packet.is_keyframe],
        through=through,
    )
