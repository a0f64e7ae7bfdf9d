"""The load factor over simulated time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_service.load.factor import HALF_LIFE_S, MIN_PREDICTED_S, ServerLoad

SECONDS = st.floats(0, 100)


def loaded(factor, *, times=100, gap_s=0.01):
    """An estimator that saw a steady load, and the time of its last sample."""
    load = ServerLoad()
    for n in range(times):
        load.observe(n * gap_s, predicted_s=0.1, queue_s=0.0, compute_s=0.1 * factor)
    return load, (times - 1) * gap_s


def test_an_untouched_server_is_not_slow():
    assert ServerLoad().factor(123.0) == 1.0


@pytest.mark.parametrize("factor", [1.0, 1.5, 3.0, 40.0])
def test_a_steady_load_is_found(factor):
    load, now_s = loaded(factor)
    assert load.factor(now_s) == pytest.approx(factor, rel=1e-3)


def test_queueing_counts_like_computing():
    load = ServerLoad()
    for n in range(100):
        load.observe(n * 0.01, predicted_s=0.1, queue_s=0.2, compute_s=0.1)
    assert load.factor(1.0) == pytest.approx(3.0, rel=0.01)


def test_one_outlier_moves_it_little():
    load, now_s = loaded(1.0)
    load.observe(now_s, predicted_s=0.1, queue_s=0.0, compute_s=0.2)
    assert 1.0 < load.factor(now_s) <= 1.2 + 1e-9


def test_it_is_forgotten_while_nothing_arrives():
    load, now_s = loaded(9.0)
    assert load.factor(now_s + HALF_LIFE_S) == pytest.approx(5.0, rel=1e-3)
    assert load.factor(now_s + 100 * HALF_LIFE_S) == pytest.approx(1.0)


def test_after_a_pause_the_newest_sample_counts_alone():
    load, now_s = loaded(1.0)
    now_s += 100 * HALF_LIFE_S
    load.observe(now_s, predicted_s=0.1, queue_s=0.0, compute_s=0.5)
    assert load.factor(now_s) == pytest.approx(5.0)


def test_scheduling_of_a_tiny_tail_is_not_load():
    load = ServerLoad()
    for n in range(100):
        load.observe(n * 0.01, predicted_s=1e-6, queue_s=1e-4, compute_s=1e-4)
    assert load.factor(1.0) == 1.0
    load.observe(1.0, predicted_s=0.0, queue_s=0.0, compute_s=100 * MIN_PREDICTED_S)  # but a real delay is
    assert load.factor(1.0) > 2.0


@given(st.lists(st.tuples(SECONDS, SECONDS, SECONDS, SECONDS), max_size=20), SECONDS)
def test_never_below_one_nor_above_the_slowest_sample(samples, later_s):
    load, now_s, slowest = ServerLoad(), 0.0, 1.0
    for gap_s, predicted_s, queue_s, compute_s in samples:
        now_s += gap_s
        load.observe(now_s, predicted_s=predicted_s, queue_s=queue_s, compute_s=compute_s)
        slowest = max(slowest, (queue_s + compute_s) / max(predicted_s, MIN_PREDICTED_S))
    assert 1.0 <= load.factor(now_s + later_s) <= slowest * (1 + 1e-9)
