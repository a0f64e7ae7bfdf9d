import math

from edge_service.control.estimators.queue import QueueEstimator


def told(*waits_s):
    queue = QueueEstimator()
    for at_s, seconds in enumerate(waits_s):
        queue.add(seconds, float(at_s))
    return queue.seconds(float(len(waits_s)))


def test_it_follows_waits_that_last():
    assert 0.4 < told(*[0.5] * 10) <= 0.5
    assert told(*[0.5] * 10, *[0.0] * 10) < 0.02


def test_one_outlier_changes_nothing():
    assert told(0.0, 2.0, 0.0) == 0.0
    assert told(0.0, 2.0) == 0.0


def test_nonsense_changes_nothing():
    assert told(0.5, 0.5, math.nan, -1.0, math.inf) == told(0.5, 0.5)


def test_without_samples_nothing_is_known():
    queue = QueueEstimator(fresh_s=5.0)
    queue.add(0.5, 0.0)
    queue.add(0.5, 1.0)
    assert queue.seconds(6.0) > 0.0
    assert queue.seconds(6.5) == 0.0
