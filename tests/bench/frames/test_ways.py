"""The ways to send a frame, on a small clip whose pictures wait for later ones."""

import av
import numpy as np
import pytest

from bench.frames.clip import read
from bench.frames.kept import Kept
from bench.frames.ways import WAYS

LOSSLESS = ("raw", "zstd", "differences", "webp", "jpeg_xl", "png", "packets")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Twenty pictures at 10 a second, of which every second one is a frame."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    rows, columns = np.mgrid[0:48, 0:64]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            red = (4 * rows + 9 * number) % 256
            pixels = np.stack([red, 3 * columns, 255 - 2 * rows - columns], axis=2).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return read(path, (32, 32), 5.0, 8)


def test_a_clip_is_read_as_the_edge_reads_it(clip):
    assert len(clip.frames) == len(clip.pictures) == len(clip.times_s) == 8
    assert {frame.shape for frame in clip.frames} == {(1, 3, 32, 32)}
    assert (clip.pictures[0].width, clip.pictures[0].height) == (64, 48)


@pytest.mark.parametrize("way", WAYS)
def test_what_loses_nothing_arrives_bit_for_bit_and_the_rest_nearly(clip, way):
    sent = WAYS[way](clip)
    assert len(sent.size_bytes) == len(sent.encode_s) == len(sent.decode_s) == len(sent.arrived) == len(clip.frames)
    assert min(sent.size_bytes[1:]) > 0
    for before, after in zip(clip.frames, sent.arrived, strict=True):
        if way in LOSSLESS:
            np.testing.assert_array_equal(after, before)
        else:
            assert after.shape == before.shape
            assert 0 < np.abs(after.astype(int) - before).mean() < 10


def test_all_packets_up_to_the_last_frame_are_counted(clip):
    with av.open(str(clip.path)) as container:
        sizes = [packet.size for packet in container.demux(video=0)]
    total = sum(WAYS["packets"](clip).size_bytes)
    assert total in np.cumsum(sizes)
    assert total > sum(sizes[:15]), "the last frame is the fifteenth picture"


def test_only_frames_that_differ_are_asked_about(clip, monkeypatch):
    asked = []
    monkeypatch.setattr(Kept, "_first", lambda _, frame: asked.append(frame) or int(frame[0, 0, 0, 0]))
    changed = clip.frames[1].copy()
    changed[0, 0, 0, 0] += 1
    assert Kept().count(clip.frames[:2], [clip.frames[0], changed]) == 1
    assert len(asked) == 2
