"""The link's part of a frame's time: divided exactly, nothing twice and nothing left out."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control.stage_times import LinkTimes, ServerTimes

SECONDS = st.floats(0.0, 10.0)


def answer(server_s: float, queue_s: float = 0.0, decode_s: float = 0.0, compute_s: float = 0.0) -> ServerTimes:
    return ServerTimes(server_s=server_s, queue_s=queue_s, decode_s=decode_s, compute_s=compute_s, load_factor=1.0)


@given(st.lists(st.tuples(*[SECONDS] * 8), min_size=1, max_size=10), SECONDS)
def test_the_stages_add_up_to_the_time_between_sending_and_answer(frames, rtt_s):
    times, now_s = LinkTimes(), 0.0
    for pause_s, link_s, queue_s, decode_s, compute_s, other_s, download_s, expected_s in frames:
        sent_s = now_s + pause_s / 2
        server_s = queue_s + decode_s + compute_s + other_s
        now_s = sent_s + link_s + server_s + rtt_s + download_s
        stages = times.of(
            answer(server_s, queue_s, decode_s, compute_s),
            sent_s=sent_s,
            now_s=now_s,
            rtt_s=rtt_s,
            download_s=download_s,
            longest_upload_s=expected_s,
        )
        assert min(astuple(stages)) >= 0.0
        assert sum(astuple(stages)) == pytest.approx(now_s - sent_s, abs=1e-9)


def test_a_frame_waits_for_the_one_before_it_on_the_link():
    times = LinkTimes()
    first = times.of(answer(0.05), sent_s=10.0, now_s=10.3, rtt_s=0.05)
    second = times.of(answer(0.05), sent_s=10.0, now_s=10.5, rtt_s=0.05)
    assert (first.link_wait_s, first.transfer_s) == (0.0, pytest.approx(0.2))
    assert (second.link_wait_s, second.transfer_s) == (pytest.approx(0.2), pytest.approx(0.2))


def test_a_download_is_part_of_the_transfer():
    stages = LinkTimes().of(answer(0.05), sent_s=10.0, now_s=11.3, rtt_s=0.05, download_s=1.0)
    assert (stages.link_wait_s, stages.transfer_s) == (0.0, pytest.approx(0.2 + 1.0))


def test_what_an_upload_took_beyond_its_longest_time_is_waiting():
    times = LinkTimes()
    stages = times.of(answer(0.05), sent_s=10.0, now_s=12.3, rtt_s=0.05, download_s=1.0, longest_upload_s=0.2)
    assert (stages.link_wait_s, stages.transfer_s) == (pytest.approx(1.0), pytest.approx(0.2 + 1.0))
