"""Which packets continue a session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_service.decoding.numbering import Numbering
from cloud_service.errors import PacketsError
from split_wire import Reason
from split_wire.packets import PacketsToSend, WireFormat

FORMAT = WireFormat("h264", "crop,bilinear")


def packets(first, count=1, *, begins=False):
    return PacketsToSend(FORMAT if begins else None, first, (b"a",) * count, first)


def gap(numbers, *asked, **fields):
    with pytest.raises(PacketsError) as caught:
        numbers.take(packets(*asked, **fields))
    assert caught.value.reason is Reason.PACKETS_GAP
    return str(caught.value)


def test_a_session_begins_with_its_format_and_goes_on_without():
    numbers = Numbering()
    assert "from number 3 on without a session" in gap(numbers, 3)
    numbers.take(packets(7, 3, begins=True))
    numbers.take(packets(10, 0))
    numbers.take(packets(10, 2))
    numbers.take(packets(40, 1, begins=True))
    numbers.take(packets(41))


@pytest.mark.parametrize("first", [0, 8, 9, 11, 12])
def test_after_a_gap_or_a_repeat_the_session_is_over(first):
    numbers = Numbering()
    numbers.take(packets(7, 3, begins=True))
    assert "the session's next is 10; expected a session that begins" in gap(numbers, first)
    gap(numbers, 10)
    numbers.take(packets(0, begins=True))


def test_an_ended_session_is_over():
    numbers = Numbering()
    numbers.take(packets(0, begins=True))
    numbers.end()
    gap(numbers, 1)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.booleans()), max_size=12))
def test_what_is_taken_is_an_unbroken_run_from_a_beginning(asked):
    numbers, run = Numbering(), None
    for first, count, begins in asked:
        sent = packets(first, count, begins=begins)
        try:
            numbers.take(sent)
        except PacketsError:
            assert not begins
            assert run is None or run[-1] != first
            run = None
        else:
            assert begins or run[-1] == first
            run = [first, sent.end]
