"""Files and folders whose pictures stay in their packets: the same pictures, names and times as decoded ones."""

import numpy as np
import pytest
from PIL import Image

from edge_service.sources import open_source
from edge_service.sources.files.packed_images import PackedImages
from edge_service.sources.files.video_file import VideoFile
from edge_service.sources.images import ImageFolder
from pictures import PictureError


async def frames_of(path, **options):
    return [frame async for frame in open_source(str(path), height=24, width=32, paced=False, **options)]


@pytest.mark.parametrize(
    ("codec", "container", "options"),
    [
        ("libx264", "mp4", {"bf": "2", "g": "12"}),
        ("mpeg4", "avi", {"bf": "2", "g": "12"}),
        ("libx264", "h264", {"bf": "2", "g": "12"}),  # without times
        ("mjpeg", "matroska", {}),
    ],
)
async def test_a_video_gives_the_same_frames_compressed(encoded_clip, tmp_path, codec, container, options):
    path = tmp_path / "clip"
    path.write_bytes(encoded_clip(codec, container, **options))
    expected = await frames_of(path, rate_hz=10.0)
    lazy = await frames_of(path, rate_hz=10.0, lazy=True)
    assert [frame.source_s for frame in lazy] == [frame.source_s for frame in expected]
    assert any(frame.content.compressed for frame in lazy)
    assert not any(frame.content.compressed for frame in expected)
    for frame, same in zip(lazy, expected, strict=True):
        assert not frame.content.compressed or not frame.content.is_decoded
        assert np.array_equal(frame.image, same.image)
        assert frame.content.placement() == same.content.placement()


async def test_a_damaged_packet_is_found_when_its_picture_is_decoded(encoded_clip, tmp_path):
    whole = bytearray(encoded_clip("mjpeg", "matroska"))
    found = whole.rindex(b"\xff\xd8\xff")
    whole[found : found + 3] = b"\0\0\0"
    path = tmp_path / "clip.mkv"
    path.write_bytes(whole)
    *good, bad = await frames_of(path, lazy=True)
    with pytest.raises(PictureError):
        _ = bad.image
    for frame in good:
        assert frame.image.any()


async def test_frames_that_wait_for_long_are_decoded_ahead(encoded_clip, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(encoded_clip(bf="0"))
    for rate_hz, is_decoded in ((0.1, True), (1.0, False)):
        (first, *_) = await frames_of(path, rate_hz=rate_hz, lazy=True, frames=2)
        assert first.content.is_decoded == is_decoded


def test_a_repeated_clip_begins_a_history_each_time(encoded_clip, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(encoded_clip(bf="0"))
    file = VideoFile(path, as_packets=True)
    histories = [next(iter(file.play())).item.compressed.history for _ in range(2)]
    assert histories[0] is not histories[1]


@pytest.fixture
def folder(tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))
    picture.save(tmp_path / "a.jpg", quality=80)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    picture.save(tmp_path / "b.JPEG", exif=exif)
    picture.save(tmp_path / "c.png")
    picture.save(tmp_path / "d.bmp")
    (tmp_path / "e.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-900])
    (tmp_path / "f.jpg").write_bytes(b"no picture")
    return tmp_path


async def test_images_are_packets_of_their_own(folder):
    expected, lazy = await frames_of(folder), await frames_of(folder, lazy=True)
    assert [frame.content.name for frame in lazy] == ["a.jpg", "b.JPEG", "c.png", "d.bmp", "e.jpg", "f.jpg"]
    packed = [frame.content.compressed for frame in lazy]
    assert [picture is not None for picture in packed] == [True, True, True, False, True, False]
    assert len({picture.history for picture in packed if picture}) == 1
    for frame, same in zip(lazy[:4], expected[:4], strict=True):
        place = frame.content.placement()
        assert np.array_equal(frame.image, same.image)
        assert frame.content.placement() == same.content.placement() == place
    for frame in lazy[4:]:
        with pytest.raises(PictureError, match=frame.content.name):
            _ = frame.image


def test_a_large_file_is_no_packet(folder, monkeypatch):
    monkeypatch.setattr("edge_service.sources.files.packed_images._MOST_BYTES", 100)
    assert PackedImages().shot(folder / "a.jpg") is None
    shots = list(ImageFolder(folder, 1.0, as_packets=True).play())
    assert all(shot.item.compressed is None for shot in shots)
