import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import ArrivalRate


def told(rate: ArrivalRate, times_s) -> list[float]:
    return [hz for hz in map(rate.arrived, times_s) if hz is not None]


def test_the_expected_rate_is_never_told():
    assert told(ArrivalRate(5.0), [0.2 * i for i in range(100)]) == []


def test_another_rate_is_told_once():
    rate = ArrivalRate(1.0)
    assert told(rate, [0.05 * i for i in range(100)]) == [pytest.approx(20.0)]
    assert rate.reported_hz == pytest.approx(20.0)


def test_a_step_is_followed_both_ways():
    rate = ArrivalRate(5.0)
    fast = [0.2 * i for i in range(20)] + [4.0 + 0.02 * i for i in range(20)]
    assert told(rate, fast)[-1] == pytest.approx(50.0, rel=0.16)
    assert told(rate, [4.4 + 1.0 * i for i in range(20)])[-1] == pytest.approx(1.0, rel=0.16)


def test_jitter_is_no_change():
    jitter = random.Random(3)
    times_s = [0.2 * i + jitter.uniform(-0.05, 0.05) for i in range(500)]
    assert told(ArrivalRate(5.0), times_s) == []


def test_frames_all_at_once_are_a_finite_rate():
    (rate_hz,) = told(ArrivalRate(1.0), [3.0] * 20)
    assert 0 < rate_hz < math.inf


@given(st.lists(st.floats(0.0, 1e9), max_size=40))
def test_is_positive_and_finite_whatever_the_times(times_s):
    rate = ArrivalRate(1.0)
    assert all(0 < hz < math.inf for hz in told(rate, times_s))
