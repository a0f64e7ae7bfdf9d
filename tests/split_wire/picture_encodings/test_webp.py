"""Lossless WebP files: only the simplest form is read, and only at its size."""

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, WebPImagePlugin

from split_wire import CodecError, Encoding, available, encode_tensor
from split_wire.encodings import of_wire
from split_wire.picture_encodings.webp import read_webp, write_webp

WIDTH, HEIGHT = 64, 48


def picture():
    """A picture with some noise, so that a file has more than a header."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = np.stack([4 * rows, 3 * columns, 255 - 2 * rows - columns])
    return (smooth + np.random.default_rng(0).integers(0, 4, smooth.shape)).astype(np.uint8)[np.newaxis]


def saved(mode="RGB", size=(WIDTH, HEIGHT), **options):
    written = io.BytesIO()
    options = {"lossless": True, "method": 0} | options
    Image.new(mode, size, "#10204080" if mode == "RGBA" else "red").save(written, "WEBP", **options)
    return written.getvalue()


WHOLE = write_webp(picture())
REFUSED = {
    "another size": (saved(size=(HEIGHT, WIDTH)), "expected a WebP of 64 by 48 in RGB, got 48 by 64"),
    "alpha": (saved("RGBA"), "got 64 by 48 with alpha"),
    "lossy": (saved(lossless=False), "no lossless WebP"),
    "metadata": (saved(icc_profile=b"a profile"), "no lossless WebP"),
    "an animation": (
        saved(save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT), "blue")]),
        "no lossless WebP",
    ),
    "a bomb": (saved(size=(16_383, 2_000)), "got 16383 by 2000"),
    "cut off": (WHOLE[:-20], "its header tells"),
    "cut off, and its header too": (
        b"RIFF" + (len(WHOLE) - 28).to_bytes(4, "little") + WHOLE[8:16] + (len(WHOLE) - 40).to_bytes(4, "little")
        + WHOLE[20:-20],
        "no WebP",
    ),
    "more behind": (WHOLE + b"xx", "its header tells"),
    "only a header": (WHOLE[:25], "its header tells"),
    "less than a header": (WHOLE[:24], "24 bytes"),
    "nothing": (b"", "0 bytes"),
    "another format": (b"\x89PNG\r\n\x1a\n" + bytes(40), "no lossless WebP"),
}  # fmt: skip


def test_a_picture_comes_back_as_it_was():
    np.testing.assert_array_equal(read_webp(memoryview(WHOLE), WIDTH, HEIGHT), picture())


def test_without_libwebp_frames_go_raw(monkeypatch):
    monkeypatch.setattr(WebPImagePlugin, "SUPPORTED", False)
    assert not available(Encoding.WEBP)
    assert of_wire(encode_tensor("x", picture(), encoding=Encoding.WEBP).meta.encoding) is Encoding.RAW


@pytest.mark.parametrize("case", REFUSED)
def test_any_other_file_is_refused_undecoded(case):
    data, expected = REFUSED[case]
    tracemalloc.start()
    with pytest.raises(CodecError, match=expected):
        read_webp(data, WIDTH, HEIGHT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_file_gives_a_picture_of_this_size_or_an_error(changes):
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    try:
        found = read_webp(bytes(data), WIDTH, HEIGHT)
    except CodecError:
        return
    assert (found.shape, found.dtype) == ((1, 3, HEIGHT, WIDTH), np.uint8)
