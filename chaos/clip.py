"""A video file of noise: no two frames are alike, so a result assigned to the wrong frame is detected."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

__all__ = ["write"]

_FRAMES = 300
_HZ = 30


def write(path: Path, seed: int = 7, frames: int = _FRAMES) -> None:
    """Write a clip of `frames` pictures, 64 by 64 in coarse squares, at 30 a second."""
    generator = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=_HZ)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(frames):
            coarse = generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            image = np.kron(coarse, np.ones((8, 8, 1), dtype=np.uint8))
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
