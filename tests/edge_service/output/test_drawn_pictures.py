"""Pictures are drawn into folders and videos, skipped where there is no time, and their errors stop only them."""

import logging
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edge_service.errors import DrawingError
from edge_service.frame_image import FrameImage
from edge_service.output import drawn_pictures
from edge_service.output.drawn_pictures import DrawnPictures, check_drawing
from edge_service.sources.shots import DecodedShot
from pictures import Picture, Preprocess

LIMIT_S = 20.0


def picture(grey, width=64, height=48):
    return content(np.full((height, width, 3), grey, np.uint8))


def content(pixels):
    return FrameImage(DecodedShot(Picture(Image.fromarray(pixels))), Preprocess(), 8, 8)


def drawn(path, frames, rate_hz=5.0):
    """Draw frames, one after another: none is skipped."""
    made = DrawnPictures(path, rate_hz)
    background = made._background
    for frame, shown in frames:
        made.put({"frame": frame}, shown)
        with background._changed:
            background._changed.wait_for(lambda: not background._waiting, LIMIT_S)
    made.close()
    return made


def test_a_folder_gets_a_jpeg_for_each_frame(tmp_path):
    made = drawn(tmp_path / "new", [(3, picture(50)), (17, picture(200))])
    files = sorted((tmp_path / "new").iterdir())
    assert [file.name for file in files] == ["frame-000003.jpg", "frame-000017.jpg"]
    with Image.open(files[1]) as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))
        assert abs(np.asarray(image).astype(int) - 200).max() <= 3
    assert (made.as_json(), made.problem) == ({"drawn": 2, "skipped": 0}, None)


def test_a_video_shows_each_frame_at_its_time(tmp_path):
    """Frame 2 is missing: frame 1 is shown until frame 3. A picture of another size is fitted in."""
    path = tmp_path / "out.mp4"
    shown = [(0, picture(40, 65, 49)), (1, picture(100, 65, 49)), (3, picture(160, 65, 49)), (4, picture(220, 130, 98))]
    made = drawn(path, shown, rate_hz=2.5)
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
        assert video.streams.video[0].codec_context.name in ("h264", "mpeg4")
    assert [frame.time for frame in frames] == pytest.approx([0, 0.4, 1.2, 1.6])
    assert {(frame.width, frame.height) for frame in frames} == {(64, 48)}
    greys = [frame.to_ndarray(format="rgb24")[10:30].mean() for frame in frames]
    assert greys == pytest.approx([40, 100, 160, 220], abs=6)
    assert made.as_json() == {"drawn": 4, "skipped": 0}


def test_a_video_that_was_cut_off_can_be_played(tmp_path):
    """The process was killed: nobody closed the file."""
    path = tmp_path / "out.mp4"
    made = DrawnPictures(path, 5.0)
    for frame in range(40):
        made._draw(drawn_pictures._Shot({"frame": frame}, picture(5 * frame)))
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes())
    made.close()
    with av.open(str(copy)) as video:
        assert len(list(video.decode(video=0))) >= 20


def test_a_run_without_pictures_leaves_no_error(tmp_path):
    for path in (tmp_path / "none.mp4", tmp_path / "none"):
        made = DrawnPictures(path, 5.0)
        made.close()
        assert (made.as_json(), made.problem) == ({"drawn": 0, "skipped": 0}, None)


def test_pictures_that_come_too_fast_are_skipped_told_once_and_nobody_waits(tmp_path, caplog, monkeypatch):
    begun, go = threading.Event(), threading.Event()
    write = drawn_pictures._Folder.write

    def slow(sink, frame, image):
        begun.set()
        assert go.wait(LIMIT_S)
        write(sink, frame, image)

    monkeypatch.setattr(drawn_pictures._Folder, "write", slow)
    made = DrawnPictures(tmp_path, 5.0)
    made.put({"frame": 0}, picture(0))
    assert begun.wait(LIMIT_S)
    with caplog.at_level(logging.WARNING, logger="edge_service"):
        for frame in range(1, 10):
            made.put({"frame": frame}, picture(0))
    go.set()
    made.close()
    assert made.as_json() == {"drawn": 5, "skipped": 5}
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"frame-00000{frame}.jpg" for frame in (0, 6, 7, 8, 9)]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_full_disk_is_told_once_and_ends_only_the_drawing(tmp_path, caplog, monkeypatch, kind):
    if kind == "video":
        path = tmp_path / "out.mp4"
        path.symlink_to("/dev/full")
    else:
        path = tmp_path

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(drawn_pictures, "write_whole", full)
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    with caplog.at_level(logging.ERROR, logger="edge_service"):
        made = drawn(path, [(frame, content(noise)) for frame in range(3)])
    assert len(caplog.records) == 1
    assert made.problem is not None
    assert made.problem.startswith(f"{path}: No space left on device; ")


@pytest.mark.parametrize("name", ["out.avi", "out.png", "there.txt", "missing/out.mp4", "folder.mp4"])
def test_what_cannot_be_drawn_is_told_at_once(tmp_path, name):
    (tmp_path / "there.txt").write_text("a file")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(DrawingError, match="folder"):
        check_drawing(tmp_path / name)


def test_what_can_be_drawn_is_not_made_yet(tmp_path):
    for name in ("new", "out.mp4", "OUT.MP4", "v1.2"):
        check_drawing(tmp_path / name)
    assert list(Path(tmp_path).iterdir()) == []


def test_without_an_encoder_a_video_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(drawn_pictures, "_CODECS", ("no such codec",))
    with pytest.raises(DrawingError, match="draw into a folder instead"):
        check_drawing(tmp_path / "out.mp4")
    check_drawing(tmp_path / "folder")


def test_a_picture_that_cannot_be_drawn_ends_only_the_drawing(tmp_path):
    made = drawn(tmp_path, [(0, picture(9)), (1, None), (2, picture(9))])
    assert made.as_json() == {"drawn": 1, "skipped": 0}
    assert "AttributeError" in made.problem
