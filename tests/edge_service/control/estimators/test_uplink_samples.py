"""One upload at a time: whether it is a rate, a bound or nothing."""

import math

import pytest

from edge_service.control import UplinkAtLeast, UplinkMeasured
from edge_service.control.estimators.uplink_samples import evidence, probe_sample, slow_started

SIZE = 100_000


def judged(call_s, received_s, *, window_is_open=True):
    return probe_sample(SIZE, call_s, SIZE // 2, received_s, window_is_open=window_is_open)


def test_a_call_within_its_own_cost_takes_the_receivers_time():
    assert judged(0.11, 0.05) == UplinkMeasured(SIZE, 0.1, after_idle=True)


def test_a_call_beyond_its_own_cost_is_timed_less_that_cost():
    assert judged(0.15, 0.05) == UplinkMeasured(SIZE, pytest.approx(0.15 / 1.15), after_idle=True)


def test_a_receiver_that_read_late_cannot_make_the_link_look_slower_than_the_call():
    assert judged(0.1, 0.2) == UplinkMeasured(SIZE, 0.1, after_idle=True)


def test_a_call_much_longer_than_its_second_half_only_bounds_the_rate():
    assert judged(0.2, 0.05) == UplinkMeasured(SIZE, pytest.approx(0.2 / 1.15), after_idle=True)
    assert judged(0.201, 0.05) == UplinkAtLeast(SIZE, 0.201)


def test_in_slow_start_and_within_a_round_trip_the_second_half_counts():
    assert judged(0.5, 0.05, window_is_open=False) == UplinkMeasured(SIZE // 2, 0.05, by_receiver=True)
    assert judged(-0.01, 0.05) == UplinkMeasured(SIZE // 2, 0.05, by_receiver=True)
    assert judged(-0.01, 0.0) is None


@pytest.mark.parametrize(
    ("sample", "window_bytes", "expected"),
    [
        (UplinkMeasured(250_000, 0.1), 14_480, False),  # the uploads before it opened the window
        (UplinkMeasured(10_000, 0.1, after_idle=True), 14_480, False),  # it fits
        (UplinkMeasured(250_000, 0.1, after_idle=True), 14_480, True),
        (UplinkMeasured(250_000, 2.0, after_idle=True), 14_480, False),  # a link so slow that the window covers it
        (UplinkMeasured(250_000, 0.1, after_idle=True), 260_000, False),
        (UplinkMeasured(8_000, 0.1, by_receiver=True), 14_480, False),
        (UplinkMeasured(50_000, 0.01, by_receiver=True), 14_480, True),
    ],
)
def test_the_window_held_an_upload_up(sample, window_bytes, expected):
    assert slow_started(sample, window_bytes, rtt_s=0.05) is expected


@pytest.mark.parametrize(("size", "seconds"), [(0, 1.0), (-5, 1.0), (10, 0.0), (10, math.nan), (10, math.inf)])
def test_nonsense_is_no_evidence(size, seconds):
    assert evidence(size, seconds, slow_started=False, by_receiver=False, resolution_s=0.002) is None


def test_size_and_time_say_whether_it_is_a_rate():
    def of(size, seconds, **flags):
        judged = evidence(
            size, seconds, **{"slow_started": False, "by_receiver": False, "resolution_s": 0.002, **flags}
        )
        return judged.is_lower_bound, judged.is_small

    assert of(16_000, 0.01) == (False, False)
    assert of(15_999, 0.049) == (True, True)
    assert of(15_999, 0.05) == (False, True)
    assert of(15_999, 0.01, by_receiver=True) == (False, False)
    assert of(1_000_000, 0.0019) == (True, False)
    assert of(1_000_000, 1.0, slow_started=True) == (True, False)
