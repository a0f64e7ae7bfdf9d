"""Video in colours that the standards' own formulas give, on every processor; turned as its display matrix says."""

import ctypes
import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from pictures import Packet, PacketDecoder, PictureError, StreamFormat, picture_of


def frames_of(data: bytes) -> Iterator[tuple[av.VideoFrame, StreamFormat]]:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            yield frame, StreamFormat.of(stream, frame)


def test_a_clip_shows_its_pictures_as_a_player_does(odd_clip) -> None:
    pictures = [picture_of(frame, known) for frame, known in frames_of(odd_clip.data)]
    assert len(pictures) == len(odd_clip.shows)
    for picture, shown in zip(pictures, odd_clip.shows, strict=True):
        pixels = np.asarray(picture.image)
        assert pixels.shape == shown.shape
        away = np.abs(pixels.astype(int) - shown)
        away[:, shown.shape[1] // 2 - 6 : shown.shape[1] // 2 + 6] = 0  # chroma is blurred where colours meet
        away[shown.shape[0] // 2 - 6 : shown.shape[0] // 2 + 6] = 0
        assert away.max() <= odd_clip.levels
        assert picture.aspect == pytest.approx(odd_clip.aspect)
