import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import LoadEstimator, OverheadEstimator, RoundTripEstimator

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)


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
        assert overhead.seconds(0.0) == 0.0
        overhead.add(-0.5, 0.0)
        assert overhead.seconds(0.0) == 0.0
        for now_s in range(100):
            overhead.add(0.004, float(now_s))
        assert overhead.seconds(100.0) == pytest.approx(0.004, rel=0.01)

    def test_is_forgotten_when_no_call_is_made(self):
        """Only calls measure it: what kept the edge from calling must not be believed for ever."""
        overhead = OverheadEstimator()
        overhead.add(0.1, 0.0)
        assert overhead.seconds(9.9) == pytest.approx(0.1)
        assert overhead.seconds(60.0) < 0.01
        overhead.add(0.004, 200.0)
        assert overhead.seconds(200.0) < 0.004

    @given(st.lists(ANY_NUMBER, max_size=30))
    def test_stays_finite(self, samples):
        overhead = OverheadEstimator()
        for now_s, sample in enumerate(samples):
            overhead.add(sample, float(now_s))
            assert 0.0 <= overhead.seconds(float(now_s)) <= 0.1 + 1e-9
