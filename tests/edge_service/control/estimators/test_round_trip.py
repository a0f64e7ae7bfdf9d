import math

from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import RoundTripEstimator

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

    def test_queueing_behind_uploads_does_not_raise_it(self):
        round_trip = RoundTripEstimator()
        for i in range(40):
            round_trip.add(0.020 if i % 4 == 0 else 0.300, i * 0.1)
        assert round_trip.minimum_s == 0.020

    def test_unknown_until_there_is_a_sample(self):
        round_trip = RoundTripEstimator()
        assert (round_trip.minimum_s, round_trip.age_s(2.0)) == (None, math.inf)

    @given(st.lists(st.tuples(ANY_NUMBER, st.floats(0, 5)), max_size=50))
    def test_minimum_equals_brute_force(self, samples):
        round_trip = RoundTripEstimator(window_s=10.0)
        now_s, taken = 0.0, []
        for seconds, pause_s in samples:
            now_s += pause_s
            if round_trip.add(seconds, now_s):
                taken.append((now_s, min(seconds, 60.0)))
                assert round_trip.minimum_s == min(value for at_s, value in taken if at_s >= now_s - 10.0)
                assert 0.0 < round_trip.minimum_s <= 60.0
            else:
                assert not (0.0 < seconds < math.inf)
