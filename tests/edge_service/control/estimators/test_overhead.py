import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import OverheadEstimator

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)


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
