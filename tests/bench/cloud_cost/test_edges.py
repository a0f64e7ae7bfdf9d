"""The request that the edges in C send again and again."""

import pytest

from bench.cloud_cost.edges import FIRST_NUMBER, counted, message
from split_wire.frames import read_stream_request


def test_the_number_can_be_changed_where_the_program_is_told():
    request = message("ab" * 32, "x", 64, "raw")
    at = request.index(b"\x18\x80\x80\x80\x80\x01") + 1
    changed = request[:at] + b"\x83\x80\x80\x80\x01" + request[at + 5 :]
    read = [read_stream_request(each).request for each in (request, changed)]
    assert [each.frame_id for each in read] == [FIRST_NUMBER, FIRST_NUMBER + 3]
    assert read[0].tensors[0].data == read[1].tensors[0].data


def test_edges_that_fail_are_told():
    assert counted('{"answered": 3}') == {"answered": 3}
    with pytest.raises(RuntimeError, match="stopped before they had counted"):
        counted("")
