import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.sources.timeline import Timeline


def placed(times_s, nominal_s=0.1, dts_s=None):
    jumps = []
    timeline = Timeline(nominal_s, lambda at_s, jump_s: jumps.append((round(at_s, 3), round(jump_s, 3))))
    dts_s = dts_s or [None] * len(times_s)
    return [round(timeline.place(*both), 6) for both in zip(times_s, dts_s, strict=True)], jumps, timeline


@given(st.lists(st.floats(0.001, 9.9), max_size=40), st.floats(-1e6, 1e6))
def test_times_that_increase_stay(gaps_s, start_s):
    times_s = list(itertools.accumulate(gaps_s, initial=start_s))
    made, jumps, _ = placed(times_s)
    assert made == pytest.approx([time_s - start_s for time_s in times_s], abs=1e-5)
    assert jumps == []


@given(st.lists(st.one_of(st.none(), st.floats(-1e5, 1e5)), max_size=60))
def test_whatever_comes_times_never_decrease_and_no_picture_stays_for_long(times_s):
    made, _, timeline = placed(times_s)
    assert made == sorted(made)
    longest_s = 10.0
    for earlier, later in itertools.pairwise(made):
        assert later - earlier <= 10.0 + 2 * max(longest_s, 0.1)
        longest_s = max(longest_s, later - earlier)
    assert timeline.interval_s > 0


def test_a_recording_that_begins_anew_follows_the_one_before_it():
    assert placed([5.0, 5.1, 5.2, 0.0, 0.1, 0.2])[:2] == ([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [(0.3, -5.2)])


def test_recordings_of_one_picture_each_lose_only_the_first_two():
    assert placed([0.0] * 6)[0] == [0.0, 0.0, 0.0, 0.1, 0.1, 0.1]


def test_a_jump_forward_is_one_interval_and_times_go_on_from_there():
    assert placed([0.0, 0.2, 0.4, 5000.4, 5000.6])[:2] == ([0.0, 0.2, 0.4, 0.6, 0.8], [(0.6, 5000.0)])


def test_a_picture_that_stands_still_for_a_while_is_no_jump():
    assert placed([0.0, 0.1, 9.9, 10.0])[1] == []


def test_a_slow_stream_has_a_slow_pace():
    times_s = [0.0, 60.0, 120.0, 180.0]
    assert placed(times_s, nominal_s=60.0)[:2] == (times_s, [])


def test_without_times_the_nominal_interval_counts():
    made, _, timeline = placed([None] * 4, nominal_s=0.04)
    assert made == [0.0, 0.04, 0.08, 0.12]
    assert timeline.furthest_s is None


def test_a_time_that_is_missing_is_one_interval_after_the_last_one():
    assert placed([0.0, 0.5, None, 1.5])[0] == [0.0, 0.5, 1.0, 1.5]


def test_times_out_of_order_give_way_to_those_of_decoding():
    """As H.264 with reordered pictures in AVI has them."""
    made, jumps, _ = placed([0.1, 0.3, 0.4, 0.2, 0.5, 0.7, 0.8, 0.6], dts_s=[0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert made == pytest.approx([0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert jumps == []


def test_the_last_pictures_say_how_long_one_is_shown():
    timeline = placed([0.0, 0.1, 0.2, 0.3, 5.0, 5.1], nominal_s=1.0)[2]
    assert timeline.interval_s == pytest.approx(0.1)
    assert Timeline(1.5).interval_s == 1.5
