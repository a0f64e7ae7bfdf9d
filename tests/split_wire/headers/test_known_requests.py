"""The short way to read a request reads what the general one reads, or leaves it alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from split_wire import Encoding, encode_tensor, frames, split_pb2
from split_wire.frames import TailRequest, TimedRequest, read_stream_request, write_stream_request, write_timed_request
from split_wire.headers.known_requests import read_known
from split_wire.wire import length_delimited

TENSOR = st.builds(
    lambda name, index, size, encoding: encode_tensor(
        name, np.arange(size, dtype=np.float32).reshape(1, size), index=index, encoding=encoding
    ),
    st.sampled_from(["x", "layer.1", "é" * 20]),
    st.integers(0, 255),
    st.integers(0, 300),
    st.sampled_from([Encoding.RAW, Encoding.ZSTD, Encoding.FLOAT16, Encoding.INT8]),
)
REQUEST = st.builds(
    TailRequest,
    st.text(max_size=40),
    st.sampled_from(["", "ab" * 32, "c" * 130]),
    st.integers(0, 2**64 - 1),
    st.lists(TENSOR, max_size=3).map(tuple),
    st.lists(st.text(max_size=10), max_size=2).map(tuple),
    traceparent=st.sampled_from(["", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"]),
)


def written(request, timeout_s=0.0):
    return write_timed_request(TimedRequest(write_stream_request(request), timeout_s))


def generally(message):
    """What the general reader makes of a message."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(frames, "read_known", lambda _: None)
        return read_stream_request(message)


def assert_alike(message):
    known = read_known(message)
    if known is not None:
        one, other = read_stream_request(message), generally(message)
        assert one.request == other.request
        assert repr(one.timeout_s) == repr(other.timeout_s)  # which may be no number
        assert [tensor.head for tensor in known[3]] == [tensor.head for tensor in other.request.tensors]


@settings(max_examples=60)
@given(REQUEST, st.sampled_from([0.0, 1.5]))
def test_written_requests_are_read_alike(request, timeout_s):
    assert_alike(written(request, timeout_s))


@settings(max_examples=60)
@given(REQUEST, st.data())
def test_damaged_requests_are_read_alike_or_left_alone(request, data):
    message = bytearray(written(request, 1.5))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, min(len(message) - 1, 200)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([0, 0, 1, 9]))
    assert_alike(bytes(message[: len(message) - cut]))


def test_what_every_edge_sends_is_known():
    tensor = encode_tensor("x", np.zeros((1, 5), np.float32))
    for frame_id in (1, 300, 2**34):
        known = read_known(written(TailRequest("m", "ab" * 32, frame_id, (tensor,), ("out",), traceparent="t"), 2.5))
        assert known is not None
        assert (known[:3], known[4], known[6:]) == (("m", "ab" * 32, frame_id), ("out",), ("t", 2.5))
    one, other = (read_known(written(TailRequest("m", "d", n, (tensor,)))) for n in (1, 2))
    assert one[3][0].header is other[3][0].header


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x0a",
        written(TailRequest("m", "d", 1, ())) * 2,
        split_pb2.StreamTailsRequest(timeout_s=1.0).SerializeToString(),
        written(TailRequest("m", "d", 1, (encode_tensor("x", np.zeros(4, np.float32)),))) + b"\x18\x01",
    ],
)
def test_other_forms_are_left_to_the_general_reader(message):
    assert read_known(message) is None


def test_a_header_without_an_end_takes_few_steps():
    field = b"\x08" + b"\xff" * 3_000_000
    tensor = b"\x22" + (len(field)).to_bytes(1, "little") if len(field) < 128 else b"\x22\xc1\x8d\xb7\x01" + field
    request = b"\x0a\x01m\x12\x01d\x18\x01" + tensor
    size = len(request)
    prefix = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 21])
    assert read_known(b"\x0a" + prefix + request) is None


def test_more_fields_than_a_message_may_have_are_left_to_the_general_reader():
    padded = split_pb2.Tensor(name="x").SerializeToString() + b"\x28\x01" * 500 + b"\x32\x00"
    parsed = b"\x0a\x01m\x12\x01d\x18\x01" + b"".join(length_delimited(4, len(padded)) + padded for _ in range(40))
    message = length_delimited(1, len(parsed)) + parsed
    assert "more than 16384 fields" in generally(message).reason
    assert read_known(message) is None
