import pytest

from split_wire import split_pb2
from split_wire.frames import TailRequest, read_request, write_request
from split_wire.traceparent import TraceParent

EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_standards_example_is_read_and_written():
    read = TraceParent.parse(EXAMPLE)
    assert read == TraceParent(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, 1)
    assert str(read) == EXAMPLE
    assert TraceParent.parse(str(TraceParent(1, 2, 0))) == TraceParent(1, 2, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        EXAMPLE + "-",
        EXAMPLE + "0" * 1_000_000,
        EXAMPLE.upper(),
        EXAMPLE.replace("4bf9", "4bfg"),
        EXAMPLE.replace("4bf9", "4b\u0669"),
        EXAMPLE[:-1] + "\n",
        "ff" + EXAMPLE[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)
def test_whatever_is_malformed_is_no_trace(text):
    assert TraceParent.parse(text) is None


def test_it_crosses_the_wire():
    request = TailRequest("m", "d", 7, (), ("out",), traceparent=EXAMPLE)
    written = write_request(request)
    assert split_pb2.RunTailRequest.FromString(written).traceparent == EXAMPLE
    assert read_request(written).traceparent == EXAMPLE
    assert (
        write_request(TailRequest("m", "d", 7, ()))
        == split_pb2.RunTailRequest(model="m", digest="d", frame_id=7).SerializeToString()
    ), "not a byte where there is none"
