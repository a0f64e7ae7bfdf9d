import os
import socket
import threading
from pathlib import Path

import pytest
from PIL import Image

from edge_service.sources import kinds, open_source
from edge_service.sources.errors import SourceError, SourceFailedError, SourceFormatError, SourceNotFoundError
from edge_service.sources.images import ImageFolder
from edge_service.sources.source_report import SourceReport
from pictures import PictureError


def check(spec):
    """What the command does before it loads a model."""
    return open_source(str(spec), height=8, width=8)


def folder_of(path):
    return ImageFolder(path, 1.0, SourceReport(str(path)))


async def frames_of(spec, **options):
    return [frame async for frame in open_source(str(spec), height=8, width=8, paced=False, **options)]


def save(path, grey=100, **options):
    Image.new("RGB", (40, 30), (grey,) * 3).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.GIF", "a.webp", "a.avif", "a.jfif", "a.mpo", "a.TIFF", "a.bmp", "a.jpeg"])
def test_the_first_picture_of_each_kind_of_image(tmp_path, name):
    options = {"format": "JPEG"} if name == "a.jfif" else {}
    if name in ("a.GIF", "a.webp", "a.avif", "a.mpo"):
        options = {"save_all": True, "append_images": [Image.new("RGB", (40, 30), (255, 0, 0))]}
    save(tmp_path / name, **options)
    (shot,) = folder_of(tmp_path).play()
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
    assert [shot.item.name for shot in folder_of(tmp_path).play()] == ["a.png", "b.png"]


async def test_one_image_is_one_frame(tmp_path):
    image = save(tmp_path / "a.PNG")
    assert [(frame.source_s, frame.content.name) for frame in await frames_of(image, rate_hz=4.0)] == [(0.0, "a.PNG")]
    assert len(await frames_of(image, rate_hz=4.0, frames=3)) == 3


async def test_an_animation_that_is_given_alone_is_played(tmp_path):
    frames = [Image.new("RGB", (40, 30), (grey,) * 3) for grey in (0, 100, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    assert [frame.source_s for frame in await frames_of(tmp_path / "a.gif")] == pytest.approx([0, 0.1, 0.2])


def test_what_is_wrong_with_a_picture_is_said_with_its_name(tmp_path):
    whole = save(tmp_path / "b.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    folder = folder_of(tmp_path)
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
    images = folder_of(folder)
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
        check(tmp_path / "source")
    assert len(str(raised.value).splitlines()) == 1


def test_a_socket_is_no_source(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(SourceFormatError, match="is a socket"):
            check(tmp_path / "socket")


@pytest.mark.parametrize("spec", ["a\0b", "x" * 300, "udp://user:secret@192.0.2.1:5", "smb://host/a.mp4"])
def test_a_name_that_can_be_none(spec):
    with pytest.raises(SourceError) as raised:
        check(spec)
    assert "secret" not in str(raised.value)


def test_no_permission(tmp_path, monkeypatch):
    save(tmp_path / "a.mp4", format="PNG")
    monkeypatch.setattr(kinds.os, "access", lambda *_: False)
    with pytest.raises(SourceNotFoundError, match=r"a\.mp4: no permission to read it"):
        check(tmp_path / "a.mp4")

    def denied(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(SourceNotFoundError, match="Permission denied; expected a folder whose files can be read"):
        check(tmp_path)


def test_a_picture_that_many_threads_want_is_counted_once(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    folder = folder_of(tmp_path)
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
