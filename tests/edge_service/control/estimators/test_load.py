import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import LoadEstimator

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)


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
