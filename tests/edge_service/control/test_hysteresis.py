import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control.hysteresis import worth_switching
from partitioner import Partition

SECONDS = st.floats(0.0, 10.0)


def split(name: str, edge_s: float, transfer_s: float = 0.0, cloud_s: float = 0.0) -> Partition:
    return Partition(frozenset({"image", name}), (), edge_s, transfer_s, cloud_s, 0.0, 0.0)


def worth(used: Partition, candidate: Partition, rate_hz: float) -> bool:
    return worth_switching(used, candidate, rate_hz, headroom=0.9, gain=0.10)


@pytest.mark.parametrize(("latency_s", "expected"), [(0.91, False), (0.89, True), (1.0, False), (2.0, False)])
def test_light_load_wants_a_tenth_less_latency(latency_s, expected):
    assert worth(split("a", 1.0), split("b", latency_s), 0.1) is expected


def test_the_same_split_is_never_a_switch():
    assert not worth(split("a", 100.0), split("a", 0.01), 5.0)


@pytest.mark.parametrize(("latency_s", "expected"), [(0.91, False), (0.89, True)])
def test_another_encoding_of_the_same_split_wants_a_tenth_too(latency_s, expected):
    used = split("a", 1.0)
    assert worth(used, dataclasses.replace(split("a", latency_s), encoding="zstd"), 0.1) is expected


def test_a_split_that_falls_behind_is_left_for_a_slower_one_that_keeps_up():
    assert worth(split("a", 1.0), split("b", 0.8, 0.8, 0.8), 1.0)


def test_keeping_up_is_worth_a_switch_even_for_a_small_gain():
    assert worth(split("a", 0.96), split("b", 0.89, 0.89, 0.89), 1.0)


def test_half_of_the_headroom_is_used_up_first():
    # 0.92 of the period: no candidate may be so busy, but what runs already may.
    assert not worth(split("a", 0.92), split("b", 0.8, 0.8, 0.8), 1.0)
    assert not worth(split("b", 0.8, 0.8, 0.8), split("a", 0.92), 1.0)


@pytest.mark.parametrize(("bottleneck_s", "expected"), [(4.8, False), (4.4, True)])
def test_where_nothing_keeps_up_the_bottleneck_counts(bottleneck_s, expected):
    assert worth(split("a", 5.0), split("b", bottleneck_s, 4.0, 4.0), 1.0) is expected


@given(
    st.lists(st.tuples(SECONDS, SECONDS, SECONDS), min_size=2, max_size=2, unique=True),
    st.floats(0.01, 20.0),
    st.lists(st.floats(0.98, 1.02), min_size=2, max_size=2),
)
def test_two_splits_never_both_beat_each_other_under_a_two_percent_waver(times, rate_hz, wavers):
    """Whatever made us leave one split must change by more than the waver before we come back."""
    (a, b), (one, other) = times, wavers
    now = [split(name, *(seconds * one for seconds in t)) for name, t in (("a", a), ("b", b))]
    later = [split(name, *(seconds * other for seconds in t)) for name, t in (("a", a), ("b", b))]
    assert not (worth(now[0], now[1], rate_hz) and worth(later[1], later[0], rate_hz))


@given(st.lists(st.tuples(SECONDS, SECONDS, SECONDS), min_size=3, max_size=3), st.floats(0.01, 20.0))
def test_switching_ends(times, rate_hz):
    """There is no ring of splits in which each is worth leaving for the next."""
    splits = [split(name, *t) for name, t in zip("abc", times, strict=True)]
    for ring in itertools.permutations(splits):
        assert not all(worth(x, y, rate_hz) for x, y in zip(ring, (*ring[1:], ring[0]), strict=True))
