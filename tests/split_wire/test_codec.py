"""The codec: round trips of whatever numpy can hold, and everything a message can get wrong."""

import subprocess
import sys
import tracemalloc

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from split_wire import DTYPES, CodecError, decode_tensor, dtype_name, encode_tensor, fits, split_pb2
from split_wire.limits import MAX_DIMS, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_TENSORS

NUMPY_DTYPES = sorted(set(DTYPES) - {"bfloat16"})
SHAPES = st.one_of(
    hnp.array_shapes(min_dims=0, max_dims=8, min_side=0, max_side=4),
    st.lists(st.sampled_from([0, *[1] * 9]), min_size=9, max_size=MAX_DIMS).map(tuple),
)


@st.composite
def arrays(draw):
    """Arrays of every dtype on the wire, in both byte orders, and seldom laid out row by row."""
    dtype = np.dtype(draw(st.sampled_from(NUMPY_DTYPES))).newbyteorder(draw(st.sampled_from("<>")))
    array = draw(hnp.arrays(dtype, draw(SHAPES)))
    layout = draw(st.sampled_from(["plain", "transposed", "strided", "reversed", "broadcast"]))
    if layout == "transposed":
        return array.T
    if layout == "strided":
        return array[..., ::2] if array.ndim else array
    if layout == "reversed":
        return array[::-1] if array.ndim else array
    if layout == "broadcast" and array.ndim < MAX_DIMS:
        return np.broadcast_to(array, (2, *array.shape))
    return array


@given(arrays(), st.integers(0, MAX_TENSORS - 1))
def test_round_trip_keeps_dtype_shape_and_bits(array, index):
    sent = encode_tensor("layer", array, index=index).message().SerializeToString()
    tensor = split_pb2.Tensor.FromString(sent)
    back = decode_tensor(tensor)
    assert (tensor.name, tensor.index, dtype_name(tensor)) == ("layer", index, array.dtype.name)
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.shape == array.shape
    assert back.tobytes() == array.astype(back.dtype).tobytes()  # bits: NaN payloads and -0.0 included
    assert back.flags.c_contiguous
    assert not back.flags.writeable


@given(hnp.arrays(np.uint16, SHAPES))
def test_bfloat16_travels_as_its_bits(bits):
    tensor = encode_tensor("layer", bits, dtype="bfloat16").message()
    assert tensor.dtype == split_pb2.DATA_TYPE_BFLOAT16
    assert dtype_name(tensor) == "bfloat16"
    back = decode_tensor(tensor)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, bits)


def test_bytes_on_the_wire_are_little_endian_and_row_major():
    array = np.array([[1, 2], [3, 4]], dtype=">i2").T
    assert encode_tensor("layer", array).data == bytes([1, 0, 3, 0, 2, 0, 4, 0])


def test_decoding_shares_the_bytes_of_the_message():
    tensor = encode_tensor("layer", np.zeros(1_000_000, np.float32))
    tracemalloc.start()
    decode_tensor(tensor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * 4_000_000  # protobuf's copy of the field, and no other


def test_every_dtype_of_the_contract_has_a_name():
    assert sorted(DTYPES.values()) == sorted(set(split_pb2.DataType.values()) - {split_pb2.DATA_TYPE_UNSPECIFIED})


def test_dtype_name_reads_specs_too():
    assert dtype_name(split_pb2.TensorSpec(dtype=split_pb2.DATA_TYPE_INT8)) == "int8"


def message(**fields):
    """A good message for two float32, with fields to spoil."""
    good = {
        "name": "layer",
        "dtype": split_pb2.DATA_TYPE_FLOAT32,
        "shape": [2],
        "encoding": split_pb2.ENCODING_RAW,
        "data": bytes(8),
    }
    return split_pb2.Tensor(**{**good, **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"data": bytes(7)}, r"shape \[2\] of float32 needs 8 bytes of data, got 7"),
        ({"data": bytes(9)}, r"needs 8 bytes of data, got 9"),
        ({"data": b""}, r"needs 8 bytes of data, got 0"),
        ({"shape": []}, r"shape \[\] of float32 needs 4 bytes of data, got 8"),
        ({"shape": [2, 0]}, r"needs 0 bytes of data, got 8"),
        ({"shape": [-2]}, r"shape \[-2\] has a negative size; expected sizes of 0 or more"),
        ({"shape": [-1, -2]}, r"negative size"),
        ({"shape": [2**40]}, rf"larger than a message; expected at most {MAX_MESSAGE_BYTES} bytes"),
        ({"shape": [2**62, 4]}, r"larger than a message"),  # the product wraps to 0 in 64 bits
        ({"shape": [2**32, 2**32, 2]}, r"larger than a message"),  # and here
        ({"shape": [0, 2**62], "data": b""}, r"larger than a message"),  # numpy cannot hold it, though it is empty
        ({"shape": [1] * (MAX_DIMS + 1)}, rf"{MAX_DIMS + 1} dimensions; expected at most {MAX_DIMS}"),
        ({"dtype": 0}, r"dtype 0 is unknown; expected one of bool, .*bfloat16, float32"),
        ({"dtype": 99}, r"dtype 99 is unknown"),
        ({"encoding": 0}, r"encoding 0 is unknown; expected one of ENCODING_RAW \(1\)"),
        ({"encoding": 77}, r"encoding 77 is unknown"),
        ({"name": ""}, r"a name has 1 to 256 bytes, this one has 0"),
        ({"name": "é" * 129}, r"this one has 258"),
        ({"index": MAX_TENSORS}, rf"index {MAX_TENSORS} is outside the expected 0 to {MAX_TENSORS - 1}"),
        ({"index": 2**32 - 1}, r"index 4294967295 is outside"),
        ({"dtype": split_pb2.DATA_TYPE_BOOL, "data": b"\1\2"}, r"a bool is one byte of 0 or 1"),
    ],
)
def test_a_malformed_message_is_refused_with_what_was_expected(fields, expected):
    with pytest.raises(CodecError, match=expected):
        decode_tensor(message(**fields))


def test_a_claimed_size_is_not_allocated():
    tracemalloc.start()
    for shape in ([2**24], [2**12, 2**12], [2**40], [2**62, 2**62]):
        with pytest.raises(CodecError):
            decode_tensor(message(shape=shape))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=10),
    st.sampled_from([*split_pb2.DataType.values(), 77]),
    st.binary(max_size=64),
)
def test_arbitrary_messages_decode_or_raise_codec_error(shape, dtype, data):
    tensor = message(shape=shape, dtype=dtype, data=data)
    try:
        array = decode_tensor(tensor)
    except CodecError:
        return
    assert list(array.shape) == shape
    assert array.nbytes == len(data)


@pytest.mark.parametrize(
    ("array", "options", "expected"),
    [
        (np.zeros(1, np.complex64), {}, r"dtype complex64 cannot be sent; expected one of bool"),
        (np.zeros(1, np.uint16), {}, r"dtype uint16 cannot be sent"),
        (np.zeros(1, "U3"), {}, r"cannot be sent"),
        (np.array([None]), {}, r"dtype object cannot be sent"),
        (np.zeros(1, np.float32), {"dtype": "bfloat16"}, r"sent as bfloat16, the array must be uint16, not float32"),
        (np.zeros(1, np.float32), {"dtype": "float64"}, r"sent as float64, the array must be float64, not float32"),
        (np.zeros((1,) * (MAX_DIMS + 1), np.float32), {}, rf"{MAX_DIMS + 1} dimensions; expected at most {MAX_DIMS}"),
        (np.zeros(1, np.float32), {"index": -1}, r"index -1 is outside"),
        (np.broadcast_to(np.float64(0), 2**23 + 1), {}, r"larger than a message"),
    ],
)
def test_an_array_that_cannot_be_sent_is_refused(array, options, expected):
    with pytest.raises(CodecError, match=expected):
        encode_tensor("layer", array, **options)


@pytest.mark.parametrize(
    ("name", "shape", "sent"),
    [
        ("layer", (), True),
        ("layer", (2, 0, 3), True),
        ("layer", (1,) * MAX_DIMS, True),
        ("layer", (1,) * (MAX_DIMS + 1), False),
        ("layer", (2**23 - 2**13,), True),
        ("layer", (2**23 - 2**13 + 1,), False),
        ("layer", (0, 2**27), False),
        ("n" * MAX_NAME_BYTES, (1,), True),
        ("n" * (MAX_NAME_BYTES + 1), (1,), False),
    ],
)
def test_what_fits_can_be_sent_and_what_does_not_is_known_before(name, shape, sent):
    """The arrays are of doubles, and take no memory; a message has room for more than its elements."""
    array = np.lib.stride_tricks.as_strided(np.zeros(1), shape, (0,) * len(shape))
    assert fits(name, [shape], 8 * int(np.prod(shape))) is sent
    if sent and np.prod(shape) < 1000:
        np.testing.assert_array_equal(decode_tensor(encode_tensor(name, array)), array)


def test_a_tuple_has_at_most_as_many_tensors_as_a_message():
    assert fits("layer", [(1,)] * MAX_TENSORS, 4 * MAX_TENSORS)
    assert not fits("layer", [(1,)] * (MAX_TENSORS + 1), 4 * MAX_TENSORS + 4)


def test_names_are_bounded_in_bytes():
    encode_tensor("n" * MAX_NAME_BYTES, np.zeros(1, np.float32))
    with pytest.raises(CodecError, match="this one has 257"):
        encode_tensor("n" * (MAX_NAME_BYTES + 1), np.zeros(1, np.float32))


def test_the_codec_needs_no_torch():
    code = "import sys, split_wire, split_wire.limits, split_wire.split_pb2_grpc; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
