"""Packets in place of a frame: written and read back, and every limit of the contract."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from split_wire import CodecError, EncodedTensor, decode_tensor, decoded_bytes, limits, split_pb2
from split_wire.packets import PacketsToSend, WireFormat, is_packets, packets_tensor, read_packets

SHAPE = (1, 3, 8, 12)
FORMAT = WireFormat(
    "h264", "crop,resize=256,bilinear", b"\1\2", 640, 272, 1, 5, rotation=270, aspect=(16, 15), mirrored=True, reorder=2
)


def tensor(message, shape=SHAPE, dtype=split_pb2.DATA_TYPE_UINT8):
    """A tensor whose data is this `Packets` message, or these bytes."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return EncodedTensor(
        split_pb2.Tensor(name="x", dtype=dtype, shape=shape, encoding=split_pb2.ENCODING_PACKETS), memoryview(data)
    )


def begun(**fields):
    """A message that begins a session, with fields of its format to override."""
    known = {"codec": "h264", "preprocess": "stretch,nearest", **fields}
    return split_pb2.Packets(format=split_pb2.PacketFormat(**known), packets=[b"a"])


@pytest.mark.parametrize(
    "packets",
    [
        PacketsToSend(FORMAT, 7, (b"one", b"two"), 8, bytes(range(16))),
        PacketsToSend(None, 9, (b"three",), 3),
        PacketsToSend(None, 10, (), 9),
        PacketsToSend(WireFormat("still", "stretch,nearest"), 0, (b"\xff" * 1000,), 0),
    ],
)
def test_what_is_written_is_read(packets):
    sent = packets_tensor("x", SHAPE, packets)
    assert is_packets(sent)
    assert decoded_bytes(sent) == 3 * 8 * 12, "of the frame, not of the packets"
    assert read_packets(sent) == packets
    assert packets.end == packets.first + len(packets.packets)
    with pytest.raises(CodecError, match="expected it in StreamTails"):
        decode_tensor(sent)


def test_what_another_client_leaves_out_is_unknown():
    known = read_packets(tensor(begun())).format
    assert (known.aspect, known.reorder, known.width, known.extradata) == ((1, 1), 0, 0, b"")


REFUSED = {
    "no message": (b"\x1e", "out of place"),
    "text": (b"GET / HTTP/1.1", "out of place"),
    "packets of another type": (b"\x18\x05", "picture 0 of packets that end before 0"),
    "too many packets": (split_pb2.Packets(packets=[b"a"] * 513), "513 packets; expected at most 512"),
    "an empty packet": (split_pb2.Packets(packets=[b"a", b""]), "an empty packet"),
    "too much": (split_pb2.Packets(packets=[bytes(limits.MAX_MESSAGE_BYTES)]), "at most 67043328"),
    "too late": (split_pb2.Packets(first=2**62, packets=[b"a"], shown=5), "numbers up to"),
    "shown later": (split_pb2.Packets(first=3, packets=[b"a"], shown=4), "picture 4 of packets that end before 4"),
    "nothing to show": (split_pb2.Packets(), "picture 0 of packets that end before 0"),
    "a short digest": (split_pb2.Packets(packets=[b"a"], digest=b"short"), "a digest of 5 bytes; expected 16, or none"),
    "shown before the session": (
        split_pb2.Packets(format=begun().format, first=3, packets=[b"a"], shown=2),
        "a session from 3 on with picture 2",
    ),
    "a session without packets": (split_pb2.Packets(format=begun().format), "picture 0"),
    "no codec": (begun(codec=""), "codec of 0 bytes; expected 1 to 32"),
    "a long codec": (begun(codec="h" * 33), "codec of 33 bytes"),
    "a long preprocess": (begun(preprocess="p" * 129), "preprocess of 129 bytes; expected 1 to 128"),
    "much extradata": (begun(extradata=bytes(2**16 + 1)), "extradata of 65537 bytes; expected 0 to 65536"),
    "too wide": (begun(width=16_385, height=1), "16385 by 1; expected at most 16384 on a side"),
    "too large": (begun(width=16_000, height=5_000), "16000 by 5000; expected at most .* 64000000 pixels"),
    "askew": (begun(rotation=45), "a rotation of 45 degrees"),
    "flat pixels": (begun(aspect_width=65, aspect_height=1), "pixels of 65 to 1; expected at most 64 to 1"),
    "half an aspect": (begun(aspect_width=1), "pixels of 1 to 0"),
    "no matrix": (begun(colour_space=256), "matrix 256"),
    "much reordering": (begun(reorder=17), "17 pictures held back; expected at most 16"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    message, expected = REFUSED[case]
    sent = tensor(message)
    tracemalloc.start()
    with pytest.raises(CodecError, match=f"tensor 'x': its packets cannot be read: .*{expected}"):
        read_packets(sent)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000 + len(sent.data), "the message's copy, and little else"


def test_a_million_packets_are_refused_before_they_are_listed():
    sent = tensor(b"\x1a\x00" * 2**20)
    tracemalloc.start()
    with pytest.raises(CodecError, match=f"more than {limits.MAX_FIELDS} fields in one message"):
        read_packets(sent)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 3, 8), split_pb2.DATA_TYPE_UINT8),
        ((2, 3, 8, 8), split_pb2.DATA_TYPE_UINT8),
        ((1, 3, 8, 8), split_pb2.DATA_TYPE_FLOAT32),
        ((1, 3, 2**20, 2**20), split_pb2.DATA_TYPE_UINT8),
    ],
)
def test_only_a_frame_is_sent_as_packets(shape, dtype):
    with pytest.raises(CodecError):
        read_packets(tensor(begun(), shape, dtype))


def test_what_a_server_would_refuse_is_not_written():
    with pytest.raises(CodecError, match="513 packets"):
        packets_tensor("x", SHAPE, PacketsToSend(None, 0, (b"a",) * 513, 5))
    with pytest.raises(CodecError, match="does not apply to uint8"):
        packets_tensor("x", (3, 8, 12), PacketsToSend(None, 0, (b"a",), 0))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_packets_or_refused(data):
    for sent in (tensor(data), tensor(begun().SerializeToString() + data)):
        try:
            assert read_packets(sent).packets is not None
        except CodecError:
            continue
