"""Odd pictures and clips, made here, each with the picture that it shows or the error that it has to give.

`python tests/pictures/corpus.py FOLDER` writes them as files.
"""

import io
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 48, 32
COLOURS = (
    (220, 40, 30),
    (40, 190, 60),
    (50, 70, 210),
    (200, 200, 60),
)  # top left, top right, bottom left, bottom right


@dataclass(frozen=True)
class Odd:
    """A file.

    Attributes:
        name: With the suffix that it has among people.
        data: Its bytes.
        shows: The pictures, RGB and upright; none if it has to be refused.
        levels: How far a level may be off, because the format loses something.
        refused: Words of the error.
        aspect: Width of a pixel over its height.
        times_s: When the pictures are shown.
    """

    name: str
    data: bytes
    shows: tuple[Pixels, ...] = ()
    levels: int = 0
    refused: str = ""
    aspect: float = 1.0
    times_s: tuple[float, ...] = ()


def quarters(width: int = WIDTH, height: int = HEIGHT, shift: int = 0) -> Pixels:
    """Four colours, each in its corner, so that every turn and every mistaken colour shows."""
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = height // 4 * 2, width // 4 * 2  # even: a pair of chroma samples lies in one colour
    turned = COLOURS[shift % 4 :] + COLOURS[: shift % 4]
    pixels[:top, :left], pixels[:top, left:], pixels[top:, :left], pixels[top:, left:] = turned
    return pixels


def stills() -> Iterator[Odd]:
    """Files that hold one picture each, or pretend to."""
    shown = quarters()
    yield from _turned(shown)
    yield from _depths(shown)
    yield from _sizes()
    moving = [Image.fromarray(quarters(shift=shift)) for shift in range(3)]
    saved = {"save_all": True, "append_images": moving[1:], "duration": 100}
    yield Odd("animated.webp", _saved(moving[0], "WEBP", lossless=True, **saved), (shown,))
    yield Odd("animated.gif", _saved(moving[0], "GIF", **saved), (shown,))
    yield Odd("animated.png", _saved(moving[0], "PNG", **saved), (shown,))
    yield Odd("two.mpo", _saved(moving[0], "MPO", quality=98, subsampling=0, **saved), (shown,), levels=9)
    yield Odd("plain.avif", _saved(moving[0], "AVIF", quality=100, subsampling="4:4:4"), (shown,), levels=4)
    yield Odd("plain.tiff", _saved(moving[0], "TIFF", compression="tiff_lzw"), (shown,))
    yield Odd("plain.bmp", _saved(moving[0], "BMP"), (shown,))
    jpeg = _saved(Image.fromarray(_noise()), "JPEG", quality=95)
    yield Odd("truncated.jpg", jpeg[: len(jpeg) // 2], refused="truncated")
    yield Odd("damaged.png", _damaged(_saved(Image.fromarray(_noise()), "PNG")), refused="cannot be decoded")
    yield Odd("empty.jpg", b"", refused="not a picture")
    yield Odd("words.png", b"these are words", refused="not a picture")
    yield Odd("phone.heic", b"\0\0\0\x18ftypheic" + bytes(32), refused="HEIC")
    yield Odd("program.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", refused="not a picture")
    yield Odd("floats.tiff", _saved(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), refused="floating-point")
    yield Odd("bomb.png", _png_header(30_000, 30_000), refused="too large")
    yield Odd("large.png", _png_header(9_000, 11_000), refused="too large")


def clips() -> Iterator[Odd]:
    """Videos of three pictures, or so."""
    shown = tuple(quarters(shift=shift) for shift in range(3))
    yield Odd("plain.mp4", video(shown), shown, levels=3)
    for space, flag in (("bt709", 1), ("bt470bg", 5)):
        for full in (False, True):
            name = f"{space}-{'full' if full else 'limited'}"
            yield Odd(f"{name}.mp4", video(shown, space=flag, full=full), shown, levels=3)
    for degrees in (90, 180, 270):
        turned = tuple(np.rot90(pixels, degrees // 90) for pixels in shown)
        yield Odd(f"turned-{degrees}.mp4", video(shown, rotation=(degrees, False)), turned, levels=3)
    mirrored = tuple(pixels[:, ::-1] for pixels in shown)
    yield Odd("mirrored.mp4", video(shown, rotation=(0, True)), mirrored, levels=3)
    yield Odd("wide-pixels.mp4", video(shown, aspect=Fraction(16, 15)), shown, levels=3, aspect=16 / 15)
    yield Odd("b-frames.mp4", video(shown * 4, bf=2), shown * 4, levels=3)
    times = (0, 1, 5, 6, 20)
    pictures = tuple(quarters(shift=shift) for shift in range(5))
    yield Odd("uneven.mkv", video(pictures, "matroska", ticks=times), pictures, 3, times_s=tuple(t / 10 for t in times))
    yield Odd("interlaced.mp4", video(shown, flags="+ilme+ildct"), shown, levels=3)
    odd = tuple(quarters(WIDTH + 1, HEIGHT - 1, shift) for shift in range(3))
    yield Odd("odd-sides.mp4", video(odd, pix_fmt="yuv444p"), odd, levels=3)
    yield Odd("ten-bits.mkv", video(shown, "matroska", "libx265", pix_fmt="yuv420p10le"), shown, levels=5)
    grey = tuple(np.repeat(pixels.mean(2, keepdims=True).astype(np.uint8), 3, 2) for pixels in shown)
    yield Odd("grey.mp4", video(grey, pix_fmt="gray"), grey, levels=3)
    yield Odd("part-2.avi", video(shown, "avi", "mpeg4"), shown, levels=9)
    yield Odd("motion.avi", video(shown, "avi", "mjpeg", pix_fmt="yuvj444p"), shown, levels=12)
    larger = tuple(quarters(2 * WIDTH, 2 * HEIGHT, shift) for shift in range(3))
    yield Odd("size-change.h264", video(shown, "h264") + video(larger, "h264"), shown + larger, levels=3)


def video(
    pictures: tuple[Pixels, ...],
    container: str = "mp4",
    codec: str = "libx264",
    *,
    pix_fmt: str = "yuv420p",
    space: int = 2,
    full: bool = False,
    rotation: tuple[int, bool] = (0, False),
    aspect: Fraction | None = None,
    ticks: tuple[int, ...] = (),
    bf: int = 0,
    **options: str,
) -> bytes:
    """A clip without loss, but for the colours' way to YUV and back.

    Args:
        pictures: What it shows, RGB.
        container: FFmpeg's name of its format.
        codec: FFmpeg's name of the encoder.
        pix_fmt: FFmpeg's name of the pixels.
        space: FFmpeg's number of the matrix; 2 is unflagged, which means BT.601.
        full: Whether levels are from 0 to 255, and flagged so.
        rotation: Counter-clockwise degrees of the display matrix, and whether it mirrors.
        aspect: Of a pixel.
        ticks: Times in tenths of a second; by default 0, 1, 2, ...
        bf: B-frames between others.
        options: Of the encoder.
    """
    height, width = pictures[0].shape[:2]
    held = io.BytesIO()
    lossless = {
        "libx264": {"qp": "0"},
        "libx265": {"x265-params": "lossless=1:log-level=none"},
        "mpeg4": {"qmin": "1", "qmax": "1"},
        "mjpeg": {},
    }[codec]
    if bf:
        options = {"qp": "1", "x264-params": f"bframes={bf}:b-adapt=0:scenecut=0"} | options
    with av.open(held, "w", container) as opened:
        stream: Any = opened.add_stream(codec, rate=10, options={**lossless, "threads": "1", **options})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = width, height, pix_fmt, Fraction(1, 10)
        stream.codec_context.colorspace = space
        stream.codec_context.max_b_frames = bf
        stream.codec_context.thread_count = 1
        if full:
            stream.codec_context.color_range = 2
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation != (0, False):
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        for tick, pixels in zip(ticks or range(len(pictures)), pictures, strict=True):
            frame = _yuv(pixels, pix_fmt, space, full=full)
            frame.pts, frame.time_base = tick, Fraction(1, 10)
            opened.mux(stream.encode(frame))
        opened.mux(stream.encode())
    return held.getvalue()


def _yuv(pixels: Pixels, pix_fmt: str, space: int, *, full: bool) -> av.VideoFrame:
    full = full or pix_fmt.startswith("yuvj")
    if pix_fmt == "gray":
        return av.VideoFrame.from_ndarray(_yuv444(pixels, space, full=full)[0], format="gray")
    frame: av.VideoFrame = av.VideoFrame.from_ndarray(_yuv444(pixels, space, full=full), format="yuv444p")
    frame.colorspace = space
    frame.color_range = 2 if full else 1
    return frame.reformat(format=pix_fmt, dst_color_range=2 if full else 1)


def _yuv444(pixels: Pixels, space: int, *, full: bool) -> Pixels:
    """By the standards' own formulas, so that FFmpeg's are checked.

    References:
        ITU-R BT.601 and BT.709, section 3; limited range: 219 and 224 levels from 16 and around 128.
    """
    red, blue = (0.2126, 0.0722) if space == 1 else (0.299, 0.114)
    r, g, b = np.moveaxis(pixels / 255, 2, 0)
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = [(b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)]
    planes = [255 * luma if full else 16 + 219 * luma, *(128 + (255 if full else 224) * each for each in chroma)]
    return np.clip(np.rint(np.stack(planes)), 0, 255).astype(np.uint8)


def _turned(shown: Pixels) -> Iterator[Odd]:
    turns: dict[int, Callable[[Pixels], Pixels]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),  # as it is stored, when it has to be turned clockwise
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }
    for orientation, stored in turns.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = Image.fromarray(np.ascontiguousarray(stored(shown)))
        data = _saved(image, "JPEG", quality=98, subsampling=0, exif=exif.tobytes())
        yield Odd(f"exif-{orientation}.jpg", data, (shown,), levels=9)
    bad = _saved(Image.fromarray(shown), "JPEG", quality=98, subsampling=0, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    yield Odd("bad-exif.jpg", bad, (shown,), levels=9)


def _depths(shown: Pixels) -> Iterator[Odd]:
    image = Image.fromarray(shown)
    levels = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 42
    high = np.repeat((levels >> 8).astype(np.uint8)[:, :, None], 3, 2)
    for suffix in ("PNG", "TIFF", "PPM"):
        yield Odd(f"grey-16.{suffix.lower()}", _saved(Image.fromarray(levels), suffix), (high,))
    yield Odd("rgb-16.png", _png16(shown), (shown,))
    grey = np.repeat(np.asarray(image.convert("L"))[:, :, None], 3, 2)
    yield Odd("grey.png", _saved(image.convert("L"), "PNG"), (grey,))
    yield Odd("grey.jpg", _saved(image.convert("L"), "JPEG", quality=98), (grey,), levels=9)
    black = np.repeat((np.asarray(image.convert("1")) * np.uint8(255))[:, :, None], 3, 2)
    yield Odd("black-white.png", _saved(image.convert("1"), "PNG"), (black,))
    alpha = Image.fromarray(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8))
    image.putalpha(alpha)
    yield Odd("alpha.png", _saved(image, "PNG"), (shown,))
    palette = Image.fromarray(shown).quantize(8)
    yield Odd("palette.png", _saved(palette, "PNG", transparency=bytes(range(0, 80, 10))), (shown,))
    ink = Image.fromarray(shown).convert("CMYK")
    yield Odd("cmyk.jpg", _saved(ink, "JPEG", quality=98), (shown,), levels=9)
    yield Odd("cmyk.tiff", _saved(ink, "TIFF"), (shown,), levels=1)


def _sizes() -> Iterator[Odd]:
    for width, height in ((1, 1), (4000, 30), (3, 500), (33, 17)):
        pixels = _noise(width, height)
        yield Odd(f"{width}x{height}.png", _saved(Image.fromarray(pixels), "PNG"), (pixels,))


def _noise(width: int = 64, height: int = 64) -> Pixels:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def _damaged(png: bytes) -> bytes:
    middle = len(png) // 2
    return png[:middle] + bytes(each ^ 0x55 for each in png[middle : middle + 40]) + png[middle + 40 :]


def _png16(pixels: Pixels) -> bytes:
    low = np.full_like(pixels, 200)  # the low byte is dropped, not rounded
    rows = np.stack([pixels, low], -1).reshape(pixels.shape[0], -1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return _png(pixels.shape[1], pixels.shape[0], 16, body)


def _png_header(width: int, height: int) -> bytes:
    return _png(width, height, 8, zlib.compress(b""))


def _png(width: int, height: int, bits: int, body: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


if __name__ == "__main__":
    for each in (*stills(), *clips()):
        (Path(sys.argv[1]) / each.name).write_bytes(each.data)
