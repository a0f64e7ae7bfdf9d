"""Video in colours that the standards' own formulas give, on every processor; turned as its display matrix says."""

import ctypes
import gc
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from pictures import PictureError, StreamFormat, picture_of


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


def test_a_frame_is_freed_with_its_last_reference(corpus) -> None:
    """A cycle would wait for Python's collector, which counts objects, not the megabytes that a frame has."""

    def alive() -> int:
        return sum(type(each) is av.VideoFrame for each in gc.get_objects())  # isinstance asks each for its class

    gc.collect()
    gc.disable()
    try:
        before = alive()
        for frame, known in frames_of(corpus.video(tuple(corpus.quarters(shift=k) for k in range(4)))):
            picture_of(frame, known)
        del frame
        assert alive() == before
    finally:
        gc.enable()


@pytest.fixture
def use_instructions() -> Iterator[Callable[[int], None]]:
    """Which of the processor's special instructions FFmpeg uses: 0 is none, -1 all that it has."""
    path = next(Path(av.__file__).parent.parent.glob("av.libs/libavutil*"), None)
    if path is None:
        pytest.skip("PyAV brings no FFmpeg of its own here")
    library = ctypes.CDLL(str(path))
    flags = library.av_get_cpu_flags()
    yield library.av_force_cpu_flags
    library.av_force_cpu_flags(flags)


FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuyv422", "yuv420p10le", "gray", "gbrp", "bgr0")


@pytest.mark.parametrize("size", [(96, 64), (97, 33)])
def test_levels_do_not_depend_on_the_processor(use_instructions, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), np.uint8)
    frames = {name: av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=name) for name in FORMATS}
    use_instructions(0)
    made = {name: np.asarray(picture_of(frame).image).astype(int) for name, frame in frames.items()}
    use_instructions(-1)
    for name, frame in frames.items():
        away = np.abs(np.asarray(picture_of(frame).image) - made[name])
        assert away.max() <= 1
        assert (away > 0).mean() <= 0.001


@pytest.mark.parametrize("space", [1, 5, 9])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p"])
def test_conversion_is_that_of_ffmpegs_scale_filter(corpus, space: int, pix_fmt: str) -> None:
    noise = (np.random.default_rng(5).integers(0, 256, (32, 48, 3), np.uint8),)
    ((frame, known),) = frames_of(corpus.video(noise, space=space, pix_fmt=pix_fmt))
    graph = av.filter.Graph()
    made = graph.add_buffer(width=48, height=32, format=frame.format, time_base=1)
    scale = graph.add("scale", "in_chroma_loc=left:flags=bicubic+accurate_rnd+full_chroma_int")
    graph.link_nodes(made, scale, graph.add("format", "rgb24"), graph.add("buffersink")).configure()
    graph.push(frame)
    assert np.array_equal(np.asarray(picture_of(frame, known).image), graph.pull().to_ndarray())


def test_chroma_lies_where_h264_has_it() -> None:
    # Columns 30 and 32 have a sample of chroma each, and 31 is half-way: red there is half-way too.
    edge = np.tile(np.repeat([100, 160], 16), 32)
    planes = np.concatenate([np.full(64 * 64, 120), edge, edge]).astype(np.uint8).reshape(96, 64)
    held = io.BytesIO()
    with av.open(held, "w", "mp4") as container:
        stream = container.add_stream("libx264", rate=10, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux([*stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")), *stream.encode()])
    ((decoded, known),) = frames_of(held.getvalue())
    red = np.asarray(picture_of(decoded, known).image)[32, :, 0].astype(int)
    assert abs(red[31] - (red[20] + red[50]) / 2) <= 1


@pytest.mark.parametrize(("attribute", "value"), [("color_trc", 3), ("color_primaries", 3), ("colorspace", 3)])
def test_reserved_flags_are_taken_for_unknown(attribute: str, value: int) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (32, 48, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
    expected = np.asarray(picture_of(frame).image)
    setattr(frame, attribute, value)
    assert np.array_equal(np.asarray(picture_of(frame).image), expected)
    assert getattr(frame, attribute) == value


def test_a_matrix_that_ffmpeg_cannot_convert_is_named() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    frame.colorspace = 14  # ICtCp
    with pytest.raises(PictureError, match="colour matrix 14"):
        picture_of(frame)
