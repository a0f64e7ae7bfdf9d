"""Lossless JPEG XL: headers are judged with and without the optional package, pictures where it is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from split_wire import CodecError, Encoding, available, encode_tensor
from split_wire.encodings import of_wire
from split_wire.picture_encodings import jpeg_xl
from split_wire.picture_encodings.jpeg_xl import read_jpeg_xl, write_jpeg_xl

needs_package = pytest.mark.skipif(not jpeg_xl.available(), reason="imagecodecs, of the extra jpegxl, is missing")

WIDTH, HEIGHT = 16, 8
# `picture()` as libjxl 0.11.2 writes it.
WHOLE = bytes.fromhex(
    "ff0ac1412408040100a8004b12a54205526081a222630c1e196364548c91bc4010005c8407002d08d074f6319cac13745ef681fc03"
)
# Bits behind the signature: 9 of the size, 13 of the metadata, 2 up to a byte, 9 of the frame, 2 of the group size, 16.
GROUP_SIZE, HEADER_BITS = (33, 34), 51


def picture():
    array = np.zeros((1, 3, HEIGHT, WIDTH), np.uint8)
    array[0, 0], array[0, 1, :, :8], array[0, 2, :4] = 200, 30, 90
    return array


def flipped(bit):
    data = bytearray(WHOLE)
    data[2 + bit // 8] ^= 1 << bit % 8
    return bytes(data)


@pytest.mark.parametrize("bit", [bit for bit in range(HEADER_BITS) if bit not in GROUP_SIZE])
def test_every_bit_of_the_header_counts(bit):
    """One of them is another size; an alpha channel; loss; an animation; a preview; a part of a larger picture; ..."""
    with pytest.raises(CodecError, match="expected a JPEG XL of"):
        read_jpeg_xl(flipped(bit), WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "no JPEG XL"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "no JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + WHOLE, "a bare codestream"),
        (WHOLE[:20], "20 bytes"),
    ],
)
def test_what_is_no_bare_codestream_is_refused(data, expected):
    with pytest.raises(CodecError, match=expected):
        read_jpeg_xl(data, WIDTH, HEIGHT)


def test_a_size_is_read_in_all_its_forms():
    """As ISO/IEC 18181-1 writes it: in eighths or not, and the width by a ratio or alone."""
    forms = {
        "1" + "11011" + "100": (224, 224),
        "1" + "10000" + "000" + "11100": (64, 16),
        "0" + "00" + "111111110" + "111": (512, 256),
        "0" + "10" + "1111111110000" + "000" + "00" + "111100000": (16, 512),
    }
    for bits, expected in forms.items():
        data = sum(int(bit) << place for place, bit in enumerate(bits)).to_bytes(8, "little")
        assert jpeg_xl._size(jpeg_xl._Bits(data)) == expected


def test_without_the_package_it_is_neither_written_nor_read(monkeypatch):
    monkeypatch.setattr(jpeg_xl, "_imagecodecs", lambda: None)
    assert not available(Encoding.JPEG_XL)
    assert write_jpeg_xl(picture()) is None
    assert of_wire(encode_tensor("x", picture(), encoding=Encoding.JPEG_XL).meta.encoding) is Encoding.RAW
    with pytest.raises(CodecError, match="install the extra"):
        read_jpeg_xl(WHOLE, WIDTH, HEIGHT)


@needs_package
def test_what_another_version_wrote_is_read():
    np.testing.assert_array_equal(read_jpeg_xl(memoryview(WHOLE), WIDTH, HEIGHT), picture())


@needs_package
@pytest.mark.parametrize("shape", [(48, 64), (224, 224), (257, 300), (416, 416), (9, 2100), (1, 90)])
def test_pictures_of_any_size_come_back_as_they_were(shape):
    array = np.random.default_rng(0).integers(0, 9, (1, 3, *shape), dtype=np.uint8)
    data = write_jpeg_xl(array)
    assert data is not None
    np.testing.assert_array_equal(read_jpeg_xl(data, shape[1], shape[0]), array)


@needs_package
def test_a_codestream_of_another_form_is_not_sent(monkeypatch):
    """A later libjxl may write other headers, which the cloud would refuse."""
    monkeypatch.setattr(jpeg_xl, "_METADATA", "1" * 13)
    assert write_jpeg_xl(picture()) is None


@needs_package
@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(9, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_codestream_gives_a_picture_of_this_size_or_an_error(changes):
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    try:
        found = read_jpeg_xl(bytes(data), WIDTH, HEIGHT)
    except CodecError:
        return
    assert (found.shape, found.dtype) == ((1, 3, HEIGHT, WIDTH), np.uint8)
