"""The hand-made readers and writers against protobuf's own classes: each reads what the other writes."""

import tracemalloc

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from split_wire import EncodedTensor, Encoding, decode_tensor, encode_tensor, frames, split_pb2
from split_wire.frames import Malformed, StreamRequest, TailRequest, TailResponse, TimedRequest
from split_wire.limits import MAX_ENVELOPE_BYTES, MAX_FIELDS, MAX_TENSORS
from split_wire.wire import ALIGNMENT

NAMES = st.text(min_size=1, max_size=20)
UINT64 = st.integers(0, 2**64 - 1)


@st.composite
def tensors(draw):
    array = np.frombuffer(draw(st.binary(max_size=4 * 300)).ljust(4, b"\1")[: draw(st.integers(0, 300)) * 4], np.uint8)
    dtype = draw(st.sampled_from(["uint8", "int8", "float32"]))
    if dtype == "float32":
        array = array[: array.size // 4 * 4].astype(np.float32)
    encoding = draw(st.sampled_from(list(Encoding)))
    return encode_tensor(draw(NAMES), array.astype(dtype), index=draw(st.integers(0, 255)), encoding=encoding)


REQUESTS = st.builds(
    TailRequest,
    model=st.text(max_size=20),
    digest=st.text(max_size=64),
    frame_id=UINT64,
    tensors=st.lists(tensors(), max_size=4).map(tuple),
    outputs=st.lists(NAMES, max_size=3).map(tuple),
)


def generated_request(request):
    return split_pb2.RunTailRequest(
        model=request.model,
        digest=request.digest,
        frame_id=request.frame_id,
        tensors=[tensor.message() for tensor in request.tensors],
        outputs=request.outputs,
    )


def generated_response(response):
    return split_pb2.RunTailResponse(
        frame_id=response.frame_id,
        outputs=[tensor.message() for tensor in response.outputs],
        timing=response.timing,
        load_factor=response.load_factor,
    )


def without_size(value):
    return {name: getattr(value, name) for name in value.__slots__ if name != "size"}


def with_bytes(tensors):
    return tuple(EncodedTensor(tensor.meta, bytes(tensor.data)) for tensor in tensors)


@settings(deadline=None)  # a busy machine is no failure
@given(REQUESTS)
def test_the_generated_class_reads_what_is_written(request):
    assert split_pb2.RunTailRequest.FromString(frames.write_request(request)) == generated_request(request)


@settings(deadline=None)  # a busy machine is no failure
@given(REQUESTS)
def test_what_the_generated_class_writes_is_read(request):
    message = generated_request(request).SerializeToString()
    read = frames.read_request(message)
    assert read.size == len(message)
    assert with_bytes(read.tensors) == with_bytes(request.tensors)
    assert generated_request(read) == generated_request(request)


@settings(deadline=None)  # a busy machine is no failure
@given(REQUESTS, st.floats(0, allow_infinity=True))
def test_a_streams_requests_are_the_generated_ones_both_ways(request, timeout_s):
    expected = split_pb2.StreamTailsRequest(request=generated_request(request), timeout_s=timeout_s)
    written = frames.write_stream_request(request)
    message = frames.write_timed_request(TimedRequest(written, timeout_s))
    assert split_pb2.StreamTailsRequest.FromString(message) == expected
    assert written.size == len(b"".join(written.parts))
    for received in (message, expected.SerializeToString()):
        read = frames.read_stream_request(received)
        assert isinstance(read, StreamRequest)
        assert read.timeout_s == timeout_s
        assert generated_request(read.request) == generated_request(request)


RESPONSES = st.builds(
    TailResponse,
    frame_id=UINT64,
    outputs=st.lists(tensors(), max_size=4).map(tuple),
    timing=st.builds(split_pb2.ServerTiming, total_s=st.floats(0, 9), queue_s=st.floats(0, 9)),
    load_factor=st.floats(1, 9),
)


@settings(deadline=None)  # a busy machine is no failure
@given(RESPONSES)
def test_responses_are_the_generated_ones_both_ways(response):
    expected = generated_response(response)
    message = frames.write_response(response)
    assert split_pb2.RunTailResponse.FromString(message) == expected
    for received in (message, expected.SerializeToString()):
        read = frames.read_response(received)
        assert (generated_response(read), read.size) == (expected, len(received))


EVENTS = st.one_of(
    RESPONSES,
    st.builds(split_pb2.FrameError, frame_id=UINT64, status=st.binary(max_size=9)),
    st.builds(split_pb2.Heartbeat, load_factor=st.floats(1, 9)),
    st.builds(split_pb2.Announcement, frame_id=UINT64, bytes=UINT64),
)


@settings(deadline=None)  # a busy machine is no failure
@given(EVENTS)
def test_a_streams_events_are_the_generated_ones_both_ways(event):
    kinds = {split_pb2.FrameError: "error", split_pb2.Heartbeat: "heartbeat", split_pb2.Announcement: "announcement"}
    kind = kinds.get(type(event), "result")
    body = generated_response(event) if kind == "result" else event
    expected = split_pb2.StreamTailsResponse(**{kind: body})
    message = frames.write_event(event)
    assert split_pb2.StreamTailsResponse.FromString(message) == expected
    for received in (message, expected.SerializeToString()):
        read = frames.read_event(received)
        assert (generated_response(read) if kind == "result" else read) == body


def test_an_event_of_a_later_version_is_none():
    assert frames.read_event(b"") is None
    assert frames.read_event(b"\x7a\x01x") is None


# Alignment


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(NAMES, st.integers(0, 70)), min_size=1, max_size=5), st.text(max_size=40))
def test_data_start_at_aligned_places(named, model):
    arrays = [np.full(size, place, np.float32) for place, (_, size) in enumerate(named)]
    sent = tuple(encode_tensor(name, array) for (name, _), array in zip(named, arrays, strict=True))
    request = TailRequest(model, "d", 3, sent)
    streamed = frames.write_timed_request(TimedRequest(frames.write_stream_request(request), 1.0))
    response = frames.write_event(TailResponse(3, sent))
    for message, read in (
        (frames.write_request(request), frames.read_request(frames.write_request(request)).tensors),
        (streamed, frames.read_stream_request(streamed).request.tensors),
        (response, frames.read_event(response).outputs),
    ):
        start = np.frombuffer(message, np.uint8).ctypes.data
        for tensor, array in zip(read, arrays, strict=True):
            back = decode_tensor(tensor)
            np.testing.assert_array_equal(back, array)
            if back.size:
                assert (back.ctypes.data - start) % ALIGNMENT == 0


@pytest.mark.parametrize("place", range(ALIGNMENT))
def test_every_padding_is_read_by_the_generated_class(place):
    tensor = encode_tensor("x", np.arange(5.0))
    for large in (0, 200, 20_000):  # lengths of one, two and three bytes
        request = TailRequest("m" * (place + large), "", 0, (tensor, tensor))
        assert split_pb2.RunTailRequest.FromString(frames.write_request(request)) == generated_request(request)


# Copies


def copies_of(call, size):
    """How many times `size` bytes are held at once when `call` is over, or was, at worst."""
    tracemalloc.start()
    result = call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, peak / size


def test_a_tensor_is_copied_once_on_its_way():
    array = np.zeros(2_000_000, np.float32)
    encoded, copies = copies_of(lambda: encode_tensor("x", array), array.nbytes)
    assert copies < 0.01
    written, copies = copies_of(lambda: frames.write_stream_request(TailRequest("m", "d", 1, (encoded,))), array.nbytes)
    assert copies < 0.01
    message, copies = copies_of(lambda: frames.write_timed_request(TimedRequest(written, 1.0)), array.nbytes)
    assert 1 <= copies < 1.01, "joined once"
    back, copies = copies_of(
        lambda: decode_tensor(frames.read_stream_request(message).request.tensors[0]), array.nbytes
    )
    assert copies < 0.01
    whole = np.frombuffer(message, np.uint8)
    assert np.shares_memory(back, whole)
    assert not back.flags.writeable


# What protobuf says of messages that no writer of ours makes


def read_both_ways(message):
    """The reader's and the generated class's request, each None where it refuses."""
    read = frames.read_stream_request(message)
    try:
        expected = split_pb2.StreamTailsRequest.FromString(message)
    except DecodeError:
        expected = None
    if isinstance(read, Malformed):
        return None, expected
    return split_pb2.StreamTailsRequest(request=generated_request(read.request), timeout_s=read.timeout_s), expected


def canonical(message):
    """A message without unknown fields; whether an empty request is there makes no difference."""
    if message is None:
        return None
    known = split_pb2.StreamTailsRequest()
    known.CopyFrom(message)
    known.request.SetInParent()
    known.DiscardUnknownFields()
    return known.SerializeToString(deterministic=True)


VARINTS = st.integers(0, 2**64 - 1)


def varint(value, size=None):
    out = bytearray()
    while value > 0x7F or (size and len(out) + 1 < size):
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, kind, content, length=None):
    tag = varint(number << 3 | kind)
    return tag + (varint(len(content), length) if kind == 2 else b"") + content


@st.composite
def fields(draw, level=0):
    """Valid fields of any number and wire type, nested, in any order, with lengths in more bytes than needed."""
    parts = []
    for _ in range(draw(st.integers(0, 4))):
        number = draw(st.one_of(st.integers(1, 9), st.integers(10, 2**29 - 1)))
        kind = draw(st.sampled_from([0, 1, 2, 2, 2, 3, 5]))
        if kind == 0:
            parts.append(field(number, 0, varint(draw(VARINTS), draw(st.sampled_from([None, 10])))))
        elif kind in {1, 5}:
            parts.append(field(number, kind, draw(st.binary(min_size=8, max_size=8))[: 8 if kind == 1 else 4]))
        elif kind == 3:
            parts.append(field(number, 3, draw(fields(level + 1)) if level < 4 else b"") + field(number, 4, b""))
        else:
            content = draw(fields(level + 1)) if level < 4 and draw(st.booleans()) else draw(st.binary(max_size=6))
            parts.append(field(number, 2, content, draw(st.sampled_from([None, 3, 5]))))
    return b"".join(parts)


@settings(max_examples=400, deadline=None)
@given(fields())
def test_any_order_number_and_nesting_of_fields_is_read_as_protobuf_reads_it(message):
    found, expected = read_both_ways(message)
    assert canonical(found) == canonical(expected)


@st.composite
def broken(draw):
    """A good message with a few bytes changed, cut off or put in."""
    request = generated_request(draw(REQUESTS))
    message = bytearray(split_pb2.StreamTailsRequest(request=request, timeout_s=1.5).SerializeToString())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(message) - 1)))
        match draw(st.sampled_from(["change", "cut", "insert"])):
            case "change" if message:
                message[place] = draw(st.integers(0, 255))
            case "cut":
                del message[place : place + draw(st.integers(1, 4))]
            case _:
                message[place:place] = draw(st.binary(min_size=1, max_size=4))
    return bytes(message)


@settings(max_examples=600, deadline=None)
@given(st.one_of(broken(), st.binary(max_size=40)))
def test_a_broken_message_is_malformed_where_protobuf_says_so_and_else_read_alike(message):
    found, expected = read_both_ways(message)
    assert canonical(found) == canonical(expected)
    for read in (frames.read_request, frames.read_response, frames.read_event):
        read(message)  # must not raise


def test_repeated_and_merged_submessages_are_protobufs():
    one, two = encode_tensor("a", np.arange(3)), encode_tensor("b", np.arange(4.0))
    first = split_pb2.StreamTailsRequest(request=split_pb2.RunTailRequest(model="m", tensors=[one.message()]))
    second = split_pb2.StreamTailsRequest(request=split_pb2.RunTailRequest(frame_id=9, tensors=[two.message()]))
    read = frames.read_stream_request(first.SerializeToString() + second.SerializeToString()).request
    assert (read.model, read.frame_id) == ("m", 9)
    assert with_bytes(read.tensors) == with_bytes((one, two))


def test_of_data_said_twice_the_last_counts():
    message = field(4, 2, field(6, 2, b"first") + field(6, 2, b"last"))
    (tensor,) = frames.read_request(message).tensors
    assert bytes(tensor.data) == b"last"


def test_a_result_replaced_by_an_error_is_gone_with_its_data():
    result = frames.write_event(TailResponse(1, (encode_tensor("a", np.arange(3)),)))
    error = frames.write_event(split_pb2.FrameError(frame_id=2))
    other = frames.write_event(TailResponse(3, (encode_tensor("b", np.arange(4)),)))
    assert frames.read_event(result + error) == split_pb2.FrameError(frame_id=2)
    read = frames.read_event(result + error + other)
    assert [(tensor.name, len(tensor.data)) for tensor in read.outputs] == [("b", 32)]


# Refused

NESTED = field(3, 3, b"") * 101 + field(3, 4, b"") * 101

MALFORMED = {
    "a varint without an end": (b"\x18\xff", "a varint has no end"),
    "a varint of eleven bytes": (b"\x18" + b"\x80" * 10 + b"\x01", "a varint has no end"),
    "a length beyond the end": (b"\x22\x05abc", "a field of 5 bytes where 3 are left"),
    "a huge length": (b"\x22" + varint(2**63), f"a field of {2**63} bytes where 0 are left"),
    "a tensor that ends in a tensor's field": (field(4, 2, b"\x32\x09abc"), "a field of 9 bytes where 3 are left"),
    "a fixed number cut off": (b"\x11abc", "goes on behind the end"),
    "wire type 6": (b"\x1e", "of wire type 6 out of place"),
    "wire type 7": (b"\x1f", "of wire type 7 out of place"),
    "a group without an end": (b"\x1b\x18\x01", "goes on behind the end"),
    "an end without a group": (b"\x1c", "of wire type 4 out of place"),
    "a group with another's end": (b"\x1b\x24", "of wire type 4 out of place"),
    "groups in groups in groups": (NESTED, "of wire type 3 out of place"),
    "field number 0": (b"\x00\x01", "the message cannot be read"),
    "a name that is no text": (field(4, 2, field(1, 2, b"\xff")), "the message cannot be read"),
    "too many tensors": (field(4, 2, b"") * (MAX_TENSORS + 1), f"expected at most {MAX_TENSORS}"),
    "too many fields": (b"\x18\x01" * (MAX_FIELDS + 1), f"expected at most {MAX_FIELDS}"),
    "too many data fields": (field(4, 2, b"\x32\x00" * (MAX_FIELDS + 1)), f"expected at most {MAX_FIELDS}"),
    "a large envelope": (field(1, 2, bytes(MAX_ENVELOPE_BYTES)), f"more than {MAX_ENVELOPE_BYTES} bytes besides"),
    "a large shape": (field(4, 2, field(4, 2, b"\x01" * MAX_ENVELOPE_BYTES)), f"more than {MAX_ENVELOPE_BYTES} bytes"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_message_says_what_was_expected(case):
    message, expected = MALFORMED[case]
    read = frames.read_request(message)
    assert isinstance(read, Malformed)
    assert expected in read.reason


def test_as_many_tensors_and_bytes_as_allowed_are_read():
    message = field(4, 2, b"") * MAX_TENSORS + field(1, 2, b"m" * (MAX_ENVELOPE_BYTES - 1000))
    read = frames.read_request(message)
    assert (len(read.tensors), len(read.model)) == (MAX_TENSORS, MAX_ENVELOPE_BYTES - 1000)


def test_a_malformed_message_costs_little():
    message = field(4, 2, b"\x22" + varint(2**40)) + bytes(4_000_000)
    read, copies = copies_of(lambda: frames.read_request(message), len(message))
    assert isinstance(read, Malformed)
    assert copies < 0.01


def test_the_frame_is_told_where_that_could_be_read():
    frame = split_pb2.StreamTailsRequest(request=split_pb2.RunTailRequest(frame_id=2**64 - 1)).SerializeToString()
    assert frames.read_stream_request(frame + b"\x1e").frame_id == 2**64 - 1
    assert frames.read_stream_request(b"\x1e" + frame).frame_id is None
