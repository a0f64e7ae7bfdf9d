import os
import socket
import threading
from pathlib import Path

import pytest
from PIL import Image

from edge_service.sources import kinds
from edge_service.sources.errors import SourceError, SourceFailedError, SourceFormatError, SourceNotFoundError
from edge_service.sources.files import VideoFile
from edge_service.sources.images import ImageFolder, SingleImage
from edge_service.sources.kinds import pictures_of
from edge_service.sources.live import LiveOptions
from edge_service.sources.source_report import SourceReport
from pictures import PictureError


def source(spec, rate_hz=None):
    return pictures_of(str(spec), rate_hz, SourceReport(str(spec)), LiveOptions())


def save(path, grey=100, **options):
    Image.new("RGB", (40, 30), (grey,) * 3).save(path, **options)
    return path


def test_a_path_leads_to_its_kind(tmp_path):
    (tmp_path / "clip").touch()
    assert isinstance(source(tmp_path / "clip"), VideoFile)
    assert isinstance(source(save(tmp_path / "a.PNG")), SingleImage)
    assert isinstance(source(save(tmp_path / "a.gif")), VideoFile), "it may be animated"
    assert isinstance(source(tmp_path), ImageFolder)


@pytest.mark.parametrize("name", ["a.GIF", "a.webp", "a.avif", "a.jfif", "a.mpo", "a.TIFF", "a.bmp", "a.jpeg"])
def test_the_first_picture_of_each_kind_of_image(tmp_path, name):
    options = {"format": "JPEG"} if name == "a.jfif" else {}
    if name in ("a.GIF", "a.webp", "a.avif", "a.mpo"):
        options = {"save_all": True, "append_images": [Image.new("RGB", (40, 30), (255, 0, 0))]}
    save(tmp_path / name, **options)
    (shot,) = source(tmp_path).play()
    assert shot.item.name == name
    red, green, blue = shot.item.picture().image.getpixel((20, 15))
    assert max(abs(red - 100), abs(green - 100), abs(blue - 100)) <= 3


def test_hidden_files_folders_and_others_do_not_count(tmp_path):
    for name in ("b.png", "a.png", ".hidden.png"):
        save(tmp_path / name)
    (tmp_path / "._a.png").write_bytes(b"what another system keeps beside a.png")
    (tmp_path / "folder.png").mkdir()
    save(tmp_path / "folder.png" / "c.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert [shot.item.name for shot in source(tmp_path).play()] == ["a.png", "b.png"]


def test_one_image_is_one_picture(tmp_path):
    image = source(save(tmp_path / "a.png"), rate_hz=4.0)
    assert [(shot.at_s, shot.item.name) for shot in image.play()] == [(0.0, "a.png")]
    assert image.interval_s == 0.25


def test_what_is_wrong_with_a_picture_is_said_with_its_name(tmp_path):
    whole = save(tmp_path / "b.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    folder = source(tmp_path)
    shots = {shot.item.name: shot.item for shot in folder.play()}
    shots["b.jpg"].picture()
    for name in ("a.jpg", "c.heic"):
        for _ in range(2):
            with pytest.raises(PictureError, match=name):
                shots[name].picture()
    made = folder.report.as_json()
    assert (made["read"], made["failed"], made["error"]) == (3, 2, None)


def test_an_image_that_vanishes_is_lost_and_a_folder_that_vanishes_is_an_error(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        save(folder / name)
    images = source(folder)
    shots = images.play()
    first = next(shots)
    (folder / "a.png").unlink()
    with pytest.raises(PictureError, match=r"a\.png: No such file"):
        first.item.picture()
    next(shots)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(SourceFailedError, match="cannot be read any further, after 2 images: No such file"):
        next(shots)
    assert "after 2 images" in images.report.error


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda path: path.mkdir(), SourceFormatError, "holds no images; expected files that end in .avif"),
        (lambda path: (path / "a").mkdir(parents=True), SourceFormatError, "holds no images, only folders"),
        (os.mkfifo, SourceFormatError, "a pipe, which can be read only once"),
        (lambda path: None, SourceNotFoundError, "no such file; expected a video file"),
        (lambda path: path.symlink_to(path), SourceNotFoundError, "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_source_is_one_line_at_once(tmp_path, make, kind, said):
    make(tmp_path / "source")
    with pytest.raises(kind, match=said) as raised:
        source(tmp_path / "source")
    assert len(str(raised.value).splitlines()) == 1


def test_a_socket_is_no_source(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(SourceFormatError, match="is a socket"):
            source(tmp_path / "socket")


@pytest.mark.parametrize("spec", ["a\0b", "x" * 300, "udp://user:secret@192.0.2.1:5", "smb://host/a.mp4"])
def test_a_name_that_can_be_none(spec):
    with pytest.raises(SourceError) as raised:
        source(spec)
    assert "secret" not in str(raised.value)


def test_no_permission(tmp_path, monkeypatch):
    save(tmp_path / "a.mp4", format="PNG")
    monkeypatch.setattr(kinds.os, "access", lambda *_: False)
    with pytest.raises(SourceNotFoundError, match=r"a\.mp4: no permission to read it"):
        source(tmp_path / "a.mp4")

    def denied(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(SourceNotFoundError, match="Permission denied; expected a folder whose files can be read"):
        source(tmp_path)


def test_a_picture_that_many_threads_want_is_counted_once(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    folder = source(tmp_path)
    (shot,) = folder.play()

    def look():
        with pytest.raises(PictureError):
            shot.item.picture()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folder.report.as_json()["failed"] == 1
