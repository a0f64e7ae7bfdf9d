"""Samples in, an estimate out: noise, steps, bounds, and what must not keep an estimate low."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import UplinkEstimator

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)


def uplink_at(bps: float) -> UplinkEstimator:
    uplink = UplinkEstimator()
    for i in range(10):
        assert uplink.add(250_000, 8 * 250_000 / bps, float(i))
    return uplink


def test_knows_nothing_at_first():
    uplink = UplinkEstimator()
    assert uplink.bps is None
    assert uplink.age_s(5.0) == math.inf
    assert not uplink.unconfirmed


@pytest.mark.parametrize("mbps", [2, 8, 20, 100])
def test_is_within_ten_percent_on_a_noisy_steady_link(mbps):
    noise = random.Random(mbps)
    uplink = UplinkEstimator()
    errors = []
    for i in range(400):
        size = noise.randint(64_000, 1_000_000)
        uplink.add(size, 8 * size / (mbps * 1e6) * noise.gauss(1.0, 0.08), float(i))
        errors.append(abs(uplink.bps / (mbps * 1e6) - 1))
    assert sorted(errors)[len(errors) // 2] < 0.05
    assert max(errors[20:]) < 0.10


@pytest.mark.parametrize("noise_share", [0.0, 0.3])
@pytest.mark.parametrize(("before", "after"), [(20e6, 4e6), (4e6, 20e6), (20e6, 1e6), (1e6, 100e6)])
def test_a_step_is_believed_within_four_samples(before, after, noise_share):
    settled = []
    for seed in range(40):
        noise = random.Random(seed)
        uplink = UplinkEstimator()
        for i in range(30):
            uplink.add(250_000, 2e6 / before * noise.uniform(1 - noise_share, 1 + noise_share), float(i))
        needed = 0
        while abs(uplink.bps / after - 1) > 0.35:
            uplink.add(250_000, 2e6 / after * noise.uniform(1 - noise_share, 1 + noise_share), 30.0 + needed)
            needed += 1
            assert needed < 20
        settled.append(needed)
    assert max(settled) <= 4
    assert min(settled) >= 2, "one sample must not be enough"


def test_one_outlier_moves_little_and_asks_for_confirmation():
    uplink = uplink_at(20e6)
    uplink.add(250_000, 10.0, 11.0)
    assert uplink.bps == pytest.approx(20e6, rel=0.12)
    assert uplink.unconfirmed
    uplink.add(250_000, 0.1, 12.0)
    assert not uplink.unconfirmed


def test_outliers_on_opposite_sides_do_not_confirm_each_other():
    uplink = uplink_at(20e6)
    for i in range(20):
        uplink.add(250_000, 0.1 * (3.0 if i % 2 else 1 / 3), 11.0 + i)
    assert uplink.bps == pytest.approx(20e6, rel=0.35)


def test_small_samples_are_dropped_unless_they_took_long():
    uplink = uplink_at(20e6)
    assert not uplink.add(15_999, 0.019, 20.0)
    assert uplink.bps == pytest.approx(20e6)
    assert uplink.add(8_192, 0.131, 21.0), "the second half of a probe of 16 kB at 0.5 Mbit/s"


def test_probes_sized_for_a_slow_link_tell_of_a_faster_one():
    """Half of a probe of 16 kB: at 4 Mbit/s it takes 16 ms, which on the sender's clock would be latency."""
    uplink = uplink_at(1e6)
    for i in range(3):
        assert uplink.add(8_000, 0.016, 20.0 + i, by_receiver=True)
    assert uplink.bps == pytest.approx(4e6, rel=0.1)


def test_slow_start_is_not_a_slow_link():
    uplink = uplink_at(100e6)
    age_s = uplink.age_s(20.0)
    for i in range(10):
        assert not uplink.add(250_000, 0.07, 10.0 + i, after_idle=True)
    assert uplink.bps == pytest.approx(100e6)
    assert uplink.age_s(20.0) == age_s, "it says nothing, so the estimate grows stale and is probed"


def test_a_fast_sample_after_idle_is_evidence_of_a_faster_link():
    uplink = uplink_at(4e6)
    uplink.add(250_000, 0.15, 11.0, after_idle=True)
    uplink.add(250_000, 0.15, 12.0, after_idle=True)
    assert uplink.bps > 10e6


def test_a_first_sample_after_idle_counts_but_stays_stale():
    uplink = UplinkEstimator()
    assert uplink.add(250_000, 0.3, 1.0, after_idle=True)
    assert uplink.bps == pytest.approx(250_000 * 8 / 0.3)
    assert uplink.age_s(1.0) == math.inf


def test_times_below_the_resolution_mean_at_least_that_fast():
    uplink = uplink_at(1e9)
    assert uplink.add(200_000, 1e-5, 11.0)  # at least 800 Mbit/s: nothing new, but fresh
    assert uplink.bps == pytest.approx(1e9)
    assert uplink.age_s(11.0) == 0.0
    assert not uplink.add(16_000, 1e-5, 12.0)  # at least 64 Mbit/s: says nothing


def test_a_loopback_gets_an_estimate():
    uplink = UplinkEstimator()
    uplink.add(500_000, 1e-4, 0.0)
    assert uplink.bps == pytest.approx(500_000 * 8 / 0.002)


def test_a_stall_lowers_the_estimate_at_once_and_the_next_sample_replaces_it():
    uplink = uplink_at(20e6)
    assert uplink.at_most(250_000, 2.0, 11.0)
    assert uplink.bps == pytest.approx(1e6)
    assert uplink.unconfirmed
    assert uplink.add(250_000, 0.1, 12.0)
    assert uplink.bps == pytest.approx(20e6)
    assert not uplink.unconfirmed


def test_a_bound_above_the_estimate_says_nothing():
    uplink = uplink_at(20e6)
    assert not uplink.at_most(250_000, 0.05, 11.0)
    assert uplink.bps == pytest.approx(20e6)


def test_forgets():
    uplink = uplink_at(20e6)
    uplink.forget()
    assert uplink.bps is None
    assert uplink.age_s(10.0) == math.inf
    uplink.add(250_000, 1.0, 11.0)
    assert uplink.bps == pytest.approx(2e6)


@given(
    st.lists(st.tuples(st.sampled_from(["add", "idle", "at_most"]), st.integers(-10, 2**40), ANY_NUMBER), max_size=60)
)
def test_stays_positive_and_finite_whatever_the_samples(samples):
    uplink = UplinkEstimator()
    for now_s, (kind, sample_bytes, seconds) in enumerate(samples):
        if kind == "at_most":
            uplink.at_most(sample_bytes, seconds, float(now_s))
        else:
            uplink.add(sample_bytes, seconds, float(now_s), after_idle=kind == "idle")
        assert uplink.bps is None or 1e3 <= uplink.bps * (1 + 1e-9) <= 1.001e12
        assert uplink.age_s(float(now_s)) >= 0.0


@given(st.lists(st.floats(1e5, 1e9), min_size=1, max_size=40))
def test_stays_within_the_range_of_its_samples(rates):
    uplink = UplinkEstimator(resolution_s=1e-9)
    for i, bps in enumerate(rates):
        uplink.add(100_000, 8e5 / bps, float(i))
    assert min(rates) * (1 - 1e-9) <= uplink.bps <= max(rates) * (1 + 1e-9)


def test_small_samples_that_are_far_faster_are_heard():
    """A late answer was taken for a late upload; the answer itself, of a frame of 7 kB, says how fast it was."""
    uplink = uplink_at(20e6)
    assert uplink.at_most(7_000, 0.025, 20.0)
    assert not uplink.add(7_000, 0.018, 20.1), "less than half as fast again may be jitter"
    assert uplink.at_most(7_000, 0.06, 20.2)
    assert uplink.bps == pytest.approx(0.93e6, rel=0.01)
    assert uplink.add(7_000, 0.006, 20.3)
    assert uplink.bps == pytest.approx(9.33e6, rel=0.01)
    assert uplink.unconfirmed


def test_small_samples_do_not_move_an_estimate_that_is_about_right():
    uplink = uplink_at(8e6)
    for i in range(20):
        assert not uplink.add(7_000, 0.007 * (0.7 if i % 2 else 2.0), 20.0 + i)
    assert uplink.bps == pytest.approx(8e6)


def test_one_sample_is_told_from_several():
    uplink = UplinkEstimator()
    assert not uplink.rests_on_one
    uplink.add(250_000, 0.1, 0.0)
    assert uplink.rests_on_one
    uplink.add(250_000, 0.1, 1.0)
    assert not uplink.rests_on_one
    uplink.at_most(250_000, 1.0, 2.0)
    uplink.add(250_000, 1.1, 2.1)
    assert uplink.rests_on_one


def test_one_small_slow_sample_does_not_replace_a_bound_and_two_do():
    """Of 6 kB that took 60 ms most may be a busy machine's latency, while the bound is a fact."""
    uplink = uplink_at(0.3e6)
    uplink.at_least(64_000, 0.03, 20.0)
    bound = uplink.bps
    assert not uplink.add(6_000, 0.03, 20.1)
    assert uplink.add(6_000, 0.06, 20.2)
    assert uplink.bps == bound
    assert uplink.unconfirmed
    uplink.add(6_000, 0.06, 20.3)
    assert uplink.bps == pytest.approx(0.8e6)


def test_a_small_sample_alone_is_no_estimate():
    assert not UplinkEstimator().add(7_000, 0.006, 0.0)


def test_what_arrived_in_time_raises_an_estimate_that_is_too_low_at_once():
    uplink = uplink_at(0.3e6)
    assert uplink.at_least(16_000, 0.03, 20.0)
    assert uplink.bps == pytest.approx(8 * 16_000 / 0.03)
    assert uplink.unconfirmed
    assert not uplink.at_least(16_000, 0.06, 21.0)
    assert uplink.add(250_000, 0.1, 22.0), "the next sample replaces it"
    assert uplink.bps == pytest.approx(20e6)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_bounds_that_make_no_sense_say_nothing(seconds):
    uplink = uplink_at(8e6)
    assert not uplink.at_least(16_000, seconds, 20.0)
    assert not uplink.at_most(16_000, seconds, 20.0)
    assert not uplink.at_least(0, 1.0, 20.0)


def test_after_a_pause_what_was_measured_before_its_bounds_is_back_and_wants_to_be_confirmed():
    uplink = uplink_at(20e6)
    uplink.at_most(250_000, 0.5, 20.0)
    uplink.at_most(250_000, 1.0, 20.5)
    uplink.doubt()
    assert uplink.bps == pytest.approx(20e6)
    assert uplink.unconfirmed
    uplink.add(250_000, 1.0, 21.0)
    assert uplink.bps == pytest.approx(2e6), "one sample does to replace what is in doubt"
    uplink.doubt()
    assert uplink.bps == pytest.approx(2e6), "what was measured after a bound is not undone"


def test_doubt_without_an_estimate_makes_none():
    uplink = UplinkEstimator()
    uplink.doubt()
    assert uplink.bps is None
    assert not uplink.unconfirmed


def test_the_hope_is_what_a_far_faster_sample_said():
    uplink = uplink_at(1e6)
    assert uplink.highest_bps == pytest.approx(1e6)
    uplink.add(250_000, 0.1, 20.0)
    assert uplink.highest_bps == pytest.approx(20e6)
    uplink.add(250_000, 20.0, 21.0)
    assert uplink.highest_bps == pytest.approx(uplink.bps)
    assert UplinkEstimator().highest_bps is None
