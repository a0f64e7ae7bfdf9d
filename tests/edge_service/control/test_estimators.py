import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import LoadEstimator, OverheadEstimator, RoundTripEstimator, UplinkEstimator

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)


def uplink_at(bps: float) -> UplinkEstimator:
    uplink = UplinkEstimator()
    for i in range(10):
        assert uplink.add(250_000, 8 * 250_000 / bps, float(i))
    return uplink


class TestUplink:
    def test_knows_nothing_at_first(self):
        uplink = UplinkEstimator()
        assert uplink.bps is None
        assert uplink.age_s(5.0) == math.inf
        assert not uplink.unconfirmed

    @pytest.mark.parametrize("mbps", [2, 8, 20, 100])
    def test_is_within_ten_percent_on_a_noisy_steady_link(self, mbps):
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
    def test_a_step_is_believed_within_four_samples(self, before, after, noise_share):
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

    def test_one_outlier_moves_little_and_asks_for_confirmation(self):
        uplink = uplink_at(20e6)
        uplink.add(250_000, 10.0, 11.0)
        assert uplink.bps == pytest.approx(20e6, rel=0.12)
        assert uplink.unconfirmed
        uplink.add(250_000, 0.1, 12.0)
        assert not uplink.unconfirmed

    def test_outliers_on_opposite_sides_do_not_confirm_each_other(self):
        uplink = uplink_at(20e6)
        for i in range(20):
            uplink.add(250_000, 0.1 * (3.0 if i % 2 else 1 / 3), 11.0 + i)
        assert uplink.bps == pytest.approx(20e6, rel=0.35)

    def test_small_samples_are_dropped_unless_they_took_long(self):
        uplink = uplink_at(20e6)
        assert not uplink.add(15_999, 0.019, 20.0)
        assert uplink.bps == pytest.approx(20e6)
        assert uplink.add(8_192, 0.131, 21.0), "the second half of a probe of 16 kB at 0.5 Mbit/s"

    def test_probes_sized_for_a_slow_link_tell_of_a_faster_one(self):
        """Half of a probe of 16 kB: at 4 Mbit/s it takes 16 ms, which on the sender's clock would be latency."""
        uplink = uplink_at(1e6)
        for i in range(3):
            assert uplink.add(8_000, 0.016, 20.0 + i, by_receiver=True)
        assert uplink.bps == pytest.approx(4e6, rel=0.1)

    def test_slow_start_is_not_a_slow_link(self):
        uplink = uplink_at(100e6)
        age_s = uplink.age_s(20.0)
        for i in range(10):
            assert not uplink.add(250_000, 0.07, 10.0 + i, after_idle=True)
        assert uplink.bps == pytest.approx(100e6)
        assert uplink.age_s(20.0) == age_s, "it says nothing, so the estimate grows stale and is probed"

    def test_a_fast_sample_after_idle_is_evidence_of_a_faster_link(self):
        uplink = uplink_at(4e6)
        uplink.add(250_000, 0.15, 11.0, after_idle=True)
        uplink.add(250_000, 0.15, 12.0, after_idle=True)
        assert uplink.bps > 10e6

    def test_a_first_sample_after_idle_counts_but_stays_stale(self):
        uplink = UplinkEstimator()
        assert uplink.add(250_000, 0.3, 1.0, after_idle=True)
        assert uplink.bps == pytest.approx(250_000 * 8 / 0.3)
        assert uplink.age_s(1.0) == math.inf

    def test_times_below_the_resolution_mean_at_least_that_fast(self):
        uplink = uplink_at(1e9)
        assert uplink.add(200_000, 1e-5, 11.0)  # at least 800 Mbit/s: nothing new, but fresh
        assert uplink.bps == pytest.approx(1e9)
        assert uplink.age_s(11.0) == 0.0
        assert not uplink.add(16_000, 1e-5, 12.0)  # at least 64 Mbit/s: says nothing

    def test_a_loopback_gets_an_estimate(self):
        uplink = UplinkEstimator()
        uplink.add(500_000, 1e-4, 0.0)
        assert uplink.bps == pytest.approx(500_000 * 8 / 0.002)

    def test_a_stall_lowers_the_estimate_at_once_and_the_next_sample_replaces_it(self):
        uplink = uplink_at(20e6)
        assert uplink.at_most(250_000, 2.0, 11.0)
        assert uplink.bps == pytest.approx(1e6)
        assert uplink.unconfirmed
        assert uplink.add(250_000, 0.1, 12.0)
        assert uplink.bps == pytest.approx(20e6)
        assert not uplink.unconfirmed

    def test_a_bound_above_the_estimate_says_nothing(self):
        uplink = uplink_at(20e6)
        assert not uplink.at_most(250_000, 0.05, 11.0)
        assert uplink.bps == pytest.approx(20e6)

    def test_forgets(self):
        uplink = uplink_at(20e6)
        uplink.forget()
        assert uplink.bps is None
        assert uplink.age_s(10.0) == math.inf
        uplink.add(250_000, 1.0, 11.0)
        assert uplink.bps == pytest.approx(2e6)

    @given(
        st.lists(
            st.tuples(st.sampled_from(["add", "idle", "at_most"]), st.integers(-10, 2**40), ANY_NUMBER), max_size=60
        )
    )
    def test_stays_positive_and_finite_whatever_the_samples(self, samples):
        uplink = UplinkEstimator()
        for now_s, (kind, sample_bytes, seconds) in enumerate(samples):
            if kind == "at_most":
                uplink.at_most(sample_bytes, seconds, float(now_s))
            else:
                uplink.add(sample_bytes, seconds, float(now_s), after_idle=kind == "idle")
            assert uplink.bps is None or 1e3 <= uplink.bps * (1 + 1e-9) <= 1.001e12
            assert uplink.age_s(float(now_s)) >= 0.0

    @given(st.lists(st.floats(1e5, 1e9), min_size=1, max_size=40))
    def test_stays_within_the_range_of_its_samples(self, rates):
        uplink = UplinkEstimator(resolution_s=1e-9)
        for i, bps in enumerate(rates):
            uplink.add(100_000, 8e5 / bps, float(i))
        assert min(rates) * (1 - 1e-9) <= uplink.bps <= max(rates) * (1 + 1e-9)


class TestRoundTrip:
    def test_minimum_is_of_the_recent_window_only(self):
        round_trip = RoundTripEstimator(window_s=10.0)
        round_trip.add(0.010, 0.0)
        for i in range(1, 10):
            round_trip.add(0.200, float(i))
        assert round_trip.minimum_s == 0.010
        round_trip.add(0.200, 10.5)
        assert round_trip.minimum_s == 0.200

    def test_queueing_behind_uploads_raises_the_smoothed_value_only(self):
        round_trip = RoundTripEstimator()
        for i in range(40):
            round_trip.add(0.020 if i % 4 == 0 else 0.300, i * 0.1)
        assert round_trip.minimum_s == 0.020
        assert round_trip.smoothed_s > 0.1

    def test_forgets(self):
        round_trip = RoundTripEstimator()
        round_trip.add(0.02, 1.0)
        round_trip.forget()
        assert (round_trip.minimum_s, round_trip.smoothed_s, round_trip.age_s(2.0)) == (None, None, math.inf)

    @given(st.lists(st.tuples(ANY_NUMBER, st.floats(0, 5)), max_size=50))
    def test_minimum_equals_brute_force(self, samples):
        round_trip = RoundTripEstimator(window_s=10.0)
        now_s, taken = 0.0, []
        for seconds, pause_s in samples:
            now_s += pause_s
            if round_trip.add(seconds, now_s):
                taken.append((now_s, min(seconds, 60.0)))
                assert round_trip.minimum_s == min(value for at_s, value in taken if at_s >= now_s - 10.0)
                assert 0.0 < round_trip.smoothed_s <= 60.001
            else:
                assert not (0.0 < seconds < math.inf)


class TestLoad:
    def test_is_one_until_something_is_known(self):
        assert LoadEstimator().factor(100.0) == 1.0

    def test_follows_a_busy_side(self):
        load = LoadEstimator()
        for i in range(10):
            load.add(0.01, 0.01, float(i))
        for i in range(8):
            load.add(0.01, 0.03, 10.0 + i)
        assert load.factor(18.0) == pytest.approx(3.0, rel=0.15)

    def test_a_single_hiccup_changes_nothing(self):
        load = LoadEstimator()
        for i in range(10):
            load.add(0.01, 0.01, float(i))
        load.add(0.01, 5.0, 10.0)
        assert load.factor(10.0) == pytest.approx(1.0)

    def test_a_hiccup_the_very_first_time_changes_nothing_either(self):
        load = LoadEstimator()
        load.add(0.01, 0.05, 1.0)
        assert load.factor(1.0) == pytest.approx(1.0)

    def test_two_in_a_row_are_believed_at_once(self):
        load = LoadEstimator()
        load.add(0.01, 0.05, 1.0)
        load.add(0.01, 0.05, 2.0)
        assert load.factor(2.0) == pytest.approx(5.0)

    def test_tiny_predictions_are_ignored(self):
        load = LoadEstimator()
        assert not load.add(0.0, 0.01, 1.0)
        assert not load.add(1e-5, 0.01, 1.0)
        assert load.factor(1.0) == 1.0

    def test_returns_to_one_when_the_side_is_no_longer_used(self):
        load = LoadEstimator()
        for i in range(5):
            load.add(0.01, 0.08, float(i))
        assert load.factor(10.0) == pytest.approx(8.0)
        assert load.factor(200.0) == pytest.approx(1.0, abs=0.01)

    @given(st.lists(st.tuples(ANY_NUMBER, ANY_NUMBER, st.booleans()), max_size=50))
    def test_stays_positive_and_finite_whatever_the_samples(self, samples):
        load = LoadEstimator()
        for now_s, (predicted_s, measured_s, reported) in enumerate(samples):
            if reported:
                load.reported(measured_s, float(now_s))
            else:
                load.add(predicted_s, measured_s, float(now_s))
            assert 0.0 < load.factor(float(now_s)) <= 100.0


class TestOverhead:
    def test_is_smoothed_and_never_negative(self):
        overhead = OverheadEstimator()
        assert overhead.seconds == 0.0
        overhead.add(-0.5)
        assert overhead.seconds == 0.0
        for _ in range(100):
            overhead.add(0.004)
        assert overhead.seconds == pytest.approx(0.004, rel=0.01)

    @given(st.lists(ANY_NUMBER, max_size=30))
    def test_stays_finite(self, samples):
        overhead = OverheadEstimator()
        for sample in samples:
            overhead.add(sample)
            assert 0.0 <= overhead.seconds <= 0.1 + 1e-9
