"""The encodings: what they promise of the values, and what unpacking refuses before it allocates."""

import io
import tracemalloc

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from split_wire import (
    DTYPES,
    LOSSLESS,
    PICTURES,
    CodecError,
    Encoding,
    applies,
    available,
    decode_tensor,
    encode_tensor,
    roundtrip,
    split_pb2,
)
from split_wire.encodings import FLOATS, WIRE, of_wire
from split_wire.limits import MAX_CHANNELS, MIN_CHANNEL_ELEMENTS
from split_wire.packing import zstd as frames  # of Python itself, or of a package

GENERAL = {Encoding.RAW, Encoding.ZSTD}  # these apply to every tensor
QUANTISED = [e for e in Encoding if e.value.startswith("int8")]
HALVED = [Encoding.FLOAT16, Encoding.FLOAT16_ZSTD]
COMPRESSED = [e for e in Encoding if e is not e.plain]

relaxed = settings(deadline=None)  # a busy machine is no failure


def arrays(**bounds):
    """Arrays to which every encoding of floats applies."""
    shapes = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(4, 6), st.integers(4, 6))
    return st.sampled_from(sorted(FLOATS)).flatmap(
        lambda dtype: hnp.arrays(dtype, shapes, elements=st.floats(width=32, **bounds))
    )


def shapes():
    """No dimensions, one element, none, pictures, and more dimensions than any encoding knows."""
    few = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5)
    pictures = st.tuples(st.just(1), st.just(3), st.integers(0, 9), st.integers(0, 9))
    return st.one_of(few, pictures, st.lists(st.integers(0, 2), min_size=9, max_size=11).map(tuple))


def used(array, encoding):
    """The encoding in which an array is really sent."""
    return of_wire(encode_tensor("x", array, encoding=encoding).meta.encoding)


def test_the_wire_knows_every_encoding_by_its_name():
    assert len(WIRE) == len(Encoding) == len(split_pb2.Encoding.keys()) - 1
    assert all(of_wire(WIRE[encoding]) is encoding for encoding in Encoding)
    assert of_wire(0) is None
    assert of_wire(1000) is None


def test_each_compressed_encoding_has_its_plain_one():
    assert {e.plain: e for e in COMPRESSED} == {
        Encoding.RAW: Encoding.ZSTD,
        Encoding.FLOAT16: Encoding.FLOAT16_ZSTD,
        Encoding.INT8: Encoding.INT8_ZSTD,
        Encoding.INT8_CHANNEL: Encoding.INT8_CHANNEL_ZSTD,
    }


@pytest.mark.parametrize(
    ("dtype", "shape", "others"),
    [
        ("float32", (1, 8, 4, 4), "float16 int8 int8_channel"),
        ("float64", (1, 8, 16), "float16 int8 int8_channel"),
        ("float32", (2, 1, MIN_CHANNEL_ELEMENTS // 2), "float16 int8 int8_channel"),
        ("float32", (1, 8, MIN_CHANNEL_ELEMENTS - 1), "float16 int8"),
        ("float32", (1, MAX_CHANNELS, 16), "float16 int8 int8_channel"),
        ("float32", (1, MAX_CHANNELS + 1, 16), "float16 int8"),
        ("float32", (1, 4000), "float16 int8"),
        ("float32", (), "float16 int8"),
        ("float32", (1, 0, 16), ""),
        ("float32", (0,), ""),
        ("float16", (1, 8, 4, 4), ""),
        ("bfloat16", (1, 8, 4, 4), ""),
        ("int64", (1, 8, 4, 4), ""),
        ("uint8", (1, 3, 4, 4), "jpeg differences_zstd webp jpeg_xl packets"),
        ("uint8", (1, 3, 4, 16_383), "jpeg differences_zstd webp jpeg_xl packets"),
        ("uint8", (1, 3, 16_384, 4), "jpeg differences_zstd jpeg_xl packets"),
        ("uint8", (1, 3, 4, 65_500), "jpeg differences_zstd jpeg_xl packets"),
        ("uint8", (1, 3, 4, 65_501), "differences_zstd jpeg_xl packets"),
        ("uint8", (1, 3, 0, 4), ""),
        ("uint8", (2, 3, 4, 4), ""),
        ("uint8", (1, 4, 4, 4), ""),
        ("uint8", (3, 4, 4), ""),
        ("float32", (1, 3, 4, 1), "float16 int8"),
    ],
)
def test_what_an_encoding_applies_to(dtype, shape, others):
    found = {encoding for encoding in Encoding if applies(encoding, dtype, shape)}
    assert found >= GENERAL
    assert found == GENERAL | {e for e in Encoding if e.plain.value in others.split()}


@pytest.mark.parametrize("encoding", set(Encoding) - GENERAL)
@pytest.mark.parametrize("array", [np.arange(99), np.zeros((1, 0, 4), np.float32), np.zeros((2, 3, 4, 5), np.uint8)])
def test_an_encoding_that_does_not_apply_gives_way_to_raw(array, encoding):
    assert used(array, encoding) is Encoding.RAW
    np.testing.assert_array_equal(roundtrip(array, encoding), array)


@relaxed
@given(st.sampled_from(sorted(DTYPES)).flatmap(lambda dtype: st.tuples(st.just(dtype), shapes())), st.data())
def test_every_encoding_takes_every_shape_and_dtype(kind, data):
    dtype, shape = kind
    held = "uint16" if dtype == "bfloat16" else dtype
    elements = st.floats(-1e3, 1e3, width=16) if held.startswith("float") else None
    array = data.draw(hnp.arrays(held, shape, elements=elements))
    for encoding in Encoding:
        sent = encode_tensor("x", array, dtype=dtype, encoding=encoding)
        found = decode_tensor(sent)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        plain = of_wire(sent.meta.encoding).plain
        if plain in LOSSLESS:
            np.testing.assert_array_equal(found, array)
        elif plain is Encoding.FLOAT16:
            assert (np.abs(found - array) <= np.maximum(2.0**-11 * np.abs(array), 2.0**-25)).all()
        elif plain is not Encoding.JPEG:
            scale = np.max(sent.meta.scale)
            assert (np.abs(found - array) <= 0.5001 * scale + slack(array)).all()


# Lossless


@relaxed
@given(hnp.arrays(st.sampled_from(["bool", "uint8", "int64", "float32", "float64"]), hnp.array_shapes(max_side=6)))
def test_zstd_gives_back_every_bit(array):
    assert roundtrip(array, Encoding.ZSTD).tobytes() == array.tobytes()


def test_zstd_is_smaller_where_it_can_be_and_left_out_where_it_cannot():
    zeros, noise = np.zeros(10_000, np.float32), np.random.default_rng(1).bytes(10_000)
    assert encode_tensor("x", zeros, encoding=Encoding.ZSTD).size < 200
    noise = np.frombuffer(noise, np.uint8)
    assert used(noise, Encoding.ZSTD) is Encoding.RAW
    assert used(np.float32(noise), Encoding.INT8_ZSTD) is Encoding.INT8, "of noise, the bytes and no zstd"


@relaxed
@given(hnp.arrays("uint8", st.tuples(st.just(1), st.just(3), st.integers(1, 40), st.integers(1, 40))))
@pytest.mark.parametrize("encoding", PICTURES & LOSSLESS)
def test_a_lossless_picture_gives_back_every_bit(encoding, array):
    np.testing.assert_array_equal(roundtrip(array, encoding), array)


@pytest.mark.parametrize("encoding", sorted(filter(available, PICTURES & LOSSLESS)))
def test_a_lossless_picture_is_smaller_than_zstd_and_left_out_where_it_would_be_larger_than_raw(encoding):
    grain = np.random.default_rng(0).integers(0, 4, (1, 3, 48, 64), dtype=np.uint8)
    array = picture() + grain  # as of a camera: without it, zstd finds what repeats
    sent = encode_tensor("x", array, encoding=encoding)
    assert of_wire(sent.meta.encoding) is encoding
    assert sent.size < 0.8 * encode_tensor("x", array, encoding=Encoding.ZSTD).size
    found = decode_tensor(sent)
    assert found.flags.c_contiguous
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, array)
    noise = np.random.default_rng(1).integers(0, 256, array.shape, dtype=np.uint8)
    assert used(noise, encoding) is Encoding.RAW


# float16


@relaxed
@given(arrays(min_value=-65519, max_value=65519))
def test_float16_is_within_its_precision(array):
    for encoding in HALVED:
        found = roundtrip(array, encoding)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert (np.abs(found - array) <= np.maximum(2.0**-11 * np.abs(array), 2.0**-25)).all()
        assert used(array, encoding).plain is Encoding.FLOAT16


@pytest.mark.parametrize("value", [65520.0, -65520.0, 1e30, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("encoding", HALVED)
def test_what_float16_cannot_hold_is_sent_without_loss(value, encoding):
    array = np.linspace(0, 1, 100, dtype=np.float32)
    array[7] = value
    assert used(array, encoding) in LOSSLESS
    np.testing.assert_array_equal(roundtrip(array, encoding), array)


# int8


def slack(array):
    """What the element type's and float32's own rounding add."""
    return 4 * np.finfo(np.float32).eps * np.abs(array).max()


@relaxed
@given(arrays(min_value=-(2.0**100), max_value=2.0**100))
def test_int8_is_within_half_its_scale(array):
    for encoding in QUANTISED:
        sent = encode_tensor("x", array, encoding=encoding)
        found = decode_tensor(sent)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        if of_wire(sent.meta.encoding) in LOSSLESS:
            np.testing.assert_array_equal(found, array)
            continue
        count = array.shape[1] if "channel" in encoding else 1
        assert len(sent.meta.scale) == len(sent.meta.offset) == count
        scale = np.array(sent.meta.scale).reshape(1, -1, 1, 1)
        assert (np.abs(found - array) <= 0.5001 * scale + slack(array)).all()


def test_channels_have_scales_of_their_own():
    array = np.stack([np.linspace(0, 1, 64), np.linspace(-1000, 1000, 64)])[np.newaxis].astype(np.float32)
    whole, apart = roundtrip(array, Encoding.INT8), roundtrip(array, Encoding.INT8_CHANNEL)
    assert np.abs(whole - array)[0, 0].max() > 0.1
    assert np.abs(apart - array)[0, 0].max() <= 0.5001 / 255
    np.testing.assert_allclose(apart[0, 1], array[0, 1], atol=0.5001 * 2000 / 255)


@pytest.mark.parametrize("encoding", QUANTISED)
@pytest.mark.parametrize("value", [0.0, -0.1, 3.4e38])
def test_a_constant_comes_back_as_it_is(encoding, value):
    array = np.full((1, 2, 8, 8), value, np.float32)
    np.testing.assert_array_equal(roundtrip(array, encoding), array)


@pytest.mark.parametrize("encoding", QUANTISED)
@pytest.mark.parametrize("values", [(np.nan, 0), (np.inf, 0), (-np.inf, 0), (3e38, -3e38), (1e-44, 0)])
def test_what_int8_cannot_hold_is_sent_without_loss(encoding, values):
    array = np.ones((1, 2, 8, 8), np.float32)
    array[0, 0] = 0
    array[0, 0, 0, :2] = values
    if values[0] == 1e-44:
        array[0, 1] = 0
    assert used(array, encoding) in LOSSLESS
    np.testing.assert_array_equal(roundtrip(array, encoding), array)


def test_doubles_beyond_float32_are_sent_without_loss():
    array = np.array([1e308, -1e308, 0.0])
    for encoding in (Encoding.INT8, Encoding.FLOAT16):
        np.testing.assert_array_equal(roundtrip(array, encoding), array)


# JPEG


def picture(height=48, width=64):
    """A smooth picture, which JPEG holds well."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([4 * rows, 3 * columns, 255 - 2 * rows - columns]).astype(np.uint8)[np.newaxis]


def test_a_picture_is_nearly_the_same_and_smaller_as_jpeg():
    array = picture()
    sent = encode_tensor("x", array, encoding=Encoding.JPEG)
    assert of_wire(sent.meta.encoding) is Encoding.JPEG
    assert sent.size < array.nbytes / 3
    found = decode_tensor(sent)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.abs(found.astype(int) - array).mean() < 3
    assert found.flags.c_contiguous


def jpeg_bytes(mode="RGB", size=(64, 48), **options):
    written = io.BytesIO()
    Image.new(mode, size).save(written, "JPEG", **options)
    return written.getvalue()


def png_bytes():
    written = io.BytesIO()
    Image.new("RGB", (64, 48)).save(written, "PNG")
    return written.getvalue()


BAD_PICTURES = {
    "another size": (jpeg_bytes(size=(48, 64)), "JPEG of 64 by 48 in RGB, got 48 by 64 in RGB"),
    "grey": (jpeg_bytes("L"), "got 64 by 48 in L"),
    "four inks": (jpeg_bytes("CMYK"), "got 64 by 48 in CMYK"),
    "progressive": (jpeg_bytes(progressive=True), "got 64 by 48 in RGB, progressive"),
    "a bomb": (jpeg_bytes(size=(60_000, 1000), quality=1), "got 60000 by 1000 in RGB"),
    "cut off": (jpeg_bytes()[:-200], "no JPEG"),
    "another format": (png_bytes(), "no JPEG"),
    "nothing": (b"", "no JPEG"),
}


@pytest.mark.parametrize("case", BAD_PICTURES)
def test_a_picture_that_is_none_of_this_shape_is_refused_undecoded(case):
    data, expected = BAD_PICTURES[case]
    tensor = split_pb2.Tensor(name="x", dtype=2, shape=[1, 3, 48, 64], encoding=9, data=data)
    tracemalloc.start()
    with pytest.raises(CodecError, match=expected):
        decode_tensor(tensor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


# Refused


def message(encoding, data, *, shape=(1, 2, 4, 4), dtype="float32", scale=(), offset=()):
    return split_pb2.Tensor(
        name="x",
        dtype=split_pb2.DataType.Value(f"DATA_TYPE_{dtype.upper()}"),
        shape=shape,
        encoding=WIRE[encoding],
        data=data,
        scale=scale,
        offset=offset,
    )


def zstd(content, *, tells_size=True):
    return frames.compress(content, options={frames.CompressionParameter.content_size_flag: tells_size})


def picture_message(encoding, data):
    return message(encoding, data, shape=(1, 3, 3, 4), dtype="uint8")


INFINITE = float("inf")
REFUSED = {
    "too short a half": (message(Encoding.FLOAT16, bytes(63)), "of float32 as float16 needs 64 bytes of data, got 63"),
    "too long a half": (message(Encoding.FLOAT16, bytes(65)), "needs 64 bytes of data, got 65"),
    "too short levels": (message(Encoding.INT8, bytes(31), scale=[1], offset=[0]), "needs 32 bytes of data, got 31"),
    "no scale": (message(Encoding.INT8, bytes(32)), "expected 1 scales and offsets, got 0 and 0"),
    "two scales": (message(Encoding.INT8, bytes(32), scale=[1, 1], offset=[0]), "got 2 and 1"),
    "one channel": (message(Encoding.INT8_CHANNEL, bytes(32), scale=[1], offset=[0]), "expected 2 scales"),
    "no scale at all": (message(Encoding.INT8, bytes(32), scale=[float("nan")], offset=[0]), "keep every value finite"),
    "infinite": (message(Encoding.INT8, bytes(32), scale=[1], offset=[-INFINITE]), "keep every value finite"),
    "overflowing": (message(Encoding.INT8, bytes(32), scale=[3e38], offset=[0]), "keep every value finite"),
    "negative": (message(Encoding.INT8, bytes(32), scale=[-1], offset=[0]), "expected scales of 0 or more"),
    "no frame": (message(Encoding.ZSTD, b"nothing like it"), "no zstd frame"),
    "no data": (message(Encoding.ZSTD, b""), "no zstd frame"),
    "cut off": (message(Encoding.ZSTD, zstd(bytes(range(128)))[:-3]), "no zstd frame"),
    "more behind": (message(Encoding.ZSTD, zstd(bytes(128)) + b"x"), "no zstd frame"),
    "a smaller frame": (
        message(Encoding.ZSTD, zstd(bytes(127))),
        "expected a zstd frame of 128 bytes, this one tells 127",
    ),
    "a larger frame": (message(Encoding.ZSTD, zstd(bytes(10**8))), "128 bytes, this one tells 100000000"),
    "of unknown size": (message(Encoding.ZSTD, zstd(bytes(128), tells_size=False)), "this one tells -1"),
    "the wrong half": (message(Encoding.FLOAT16_ZSTD, zstd(bytes(128))), "expected a zstd frame of 64 bytes"),
    "a lie": (message(Encoding.INT8_ZSTD, zstd(bytes(33)), scale=[1], offset=[0]), "expected a zstd frame of 32 bytes"),
    "halves of integers": (message(Encoding.FLOAT16, bytes(64), dtype="int32"), "FLOAT16 does not apply to int32"),
    "few elements": (message(Encoding.INT8_CHANNEL, bytes(2), shape=(1, 2, 1)), "INT8_CHANNEL does not apply"),
    "a picture of floats": (message(Encoding.JPEG, b"", shape=(1, 3, 4, 4)), "JPEG does not apply"),
    "no differences": (picture_message(Encoding.DIFFERENCES_ZSTD, b"nothing like it"), "no zstd frame"),
    "too few differences": (picture_message(Encoding.DIFFERENCES_ZSTD, zstd(bytes(35))), "zstd frame of 36 bytes"),
    "too many differences": (
        picture_message(Encoding.DIFFERENCES_ZSTD, zstd(bytes(10**8))),
        "zstd frame of 36 bytes",
    ),
    "differences of floats": (message(Encoding.DIFFERENCES_ZSTD, b"", shape=(1, 3, 3, 4)), "ZSTD does not apply"),
    "no bool": (message(Encoding.ZSTD, zstd(b"\2"), shape=(1,), dtype="bool"), "a bool is one byte of 0 or 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_data_of_another_size_or_kind_are_refused_unallocated(case):
    tensor, expected = REFUSED[case]
    tracemalloc.start()
    with pytest.raises(CodecError, match=f"tensor 'x': .*{expected}"):
        decode_tensor(tensor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000


@relaxed
@given(
    st.sampled_from(list(Encoding)),
    st.binary(max_size=200),
    st.lists(st.floats(width=32), max_size=3),
    st.lists(st.floats(width=32), max_size=3),
)
def test_arbitrary_data_decode_or_raise_codec_error(encoding, data, scale, offset):
    if encoding in COMPRESSED:
        data = zstd(data)
    for shape, dtype in (((1, 2, 4, 4), "float32"), ((1, 3, 4, 4), "uint8")):
        tensor = message(encoding, data, shape=shape, dtype=dtype, scale=scale, offset=offset)
        try:
            array = decode_tensor(tensor)
        except CodecError:
            continue
        assert (array.shape, array.dtype) == (shape, dtype)


@pytest.mark.parametrize("encoding", Encoding)
def test_arrays_of_any_layout_are_sent_as_what_they_hold(encoding):
    plain = np.random.default_rng(3).random((1, 4, 6, 6), np.float32)
    for array in (plain.transpose(0, 1, 3, 2), plain[..., ::-1], plain.astype(">f4"), np.asfortranarray(plain)):
        np.testing.assert_array_equal(roundtrip(array, encoding), roundtrip(array.astype("<f4", order="C"), encoding))
