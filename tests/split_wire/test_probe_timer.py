"""The arithmetic of a probe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from split_wire.probe_timer import Arrivals, ProbeTimer


def timed(arrivals):
    timer = ProbeTimer()
    for now_s, size in arrivals:
        timer.arrived(now_s, size)
    return timer


@pytest.mark.parametrize("arrivals", [[], [(5.0, 1000)]])
def test_fewer_than_two_chunks_measure_nothing(arrivals):
    timer = timed(arrivals)
    assert timer.whole() == timer.second_half() == Arrivals(0, 0.0)


def test_bytes_count_from_the_first_arrival():
    timer = timed([(10.0, 999), (10.5, 200), (11.0, 300)])
    assert timer.whole() == Arrivals(500, 1.0)


@given(st.floats(1e3, 1e9), st.integers(2, 50), st.integers(1, 10**6))
def test_a_steady_link_measures_the_same_over_both(rate_bytes_per_s, chunks, size):
    timer = timed([(3.0 + n * size / rate_bytes_per_s, size) for n in range(chunks)])
    for part in (timer.whole(), timer.second_half()):
        assert part.received_bytes > 0
        if part.received_s > 1e-6:  # below, the clock's own resolution shows
            assert part.received_bytes / part.received_s == pytest.approx(rate_bytes_per_s, rel=1e-3)


def test_the_second_half_is_right_out_of_slow_start():
    """The first half arrives at a quarter of the rate."""
    times = [n * 4.0 for n in range(5)] + [16.0 + n for n in range(1, 5)]
    timer = timed([(time_s, 100) for time_s in times])
    assert timer.second_half() == Arrivals(400, 4.0)
    assert timer.whole() == Arrivals(800, 20.0)


def test_empty_chunks_carry_nothing():
    assert timed([(0.0, 0), (1.0, 10), (2.0, 0), (3.0, 10), (9.0, 0)]).whole() == Arrivals(10, 2.0)


def test_full_when_enough_has_come():
    timer = ProbeTimer(max_bytes=100)
    timer.arrived(0.0, 99)
    assert not timer.full
    timer.arrived(0.0, 1)
    assert timer.full
