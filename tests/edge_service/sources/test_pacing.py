import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.sources.pacing import Thinning, Timed, repeated, sampled


def clip(count: int, interval_s: float) -> list[Timed[int]]:
    return [Timed(i * interval_s, i) for i in range(count)]


def thinned(shots: list[Timed[float]], rate_hz: float) -> list[float]:
    thinning = Thinning(rate_hz)
    return [shot.item for shot in shots if thinning.takes(shot.at_s)]


def test_a_lower_rate_skips_pictures() -> None:
    assert list(sampled(clip(10, 0.125), 4.0, lambda: 0.125)) == [0, 2, 4, 6, 8]


def test_a_higher_rate_repeats_them() -> None:
    assert list(sampled(clip(3, 0.5), 4.0, lambda: 0.5)) == [0, 0, 1, 1, 2, 2]


def test_the_same_rate_takes_each_once() -> None:
    for rate_hz in (3.0, 7.0, 25.0, 30.0):
        assert list(sampled(clip(500, 1 / rate_hz), rate_hz, lambda hz=rate_hz: 1 / hz)) == list(range(500))


def test_nothing_gives_nothing() -> None:
    assert list(sampled([], 5.0, lambda: 0.1)) == []
    assert list(repeated(list, lambda: 0.1)) == []


@given(
    st.lists(st.floats(0.001, 2), min_size=1, max_size=20),
    st.floats(0.5, 50),
    st.floats(0.001, 2),
)
def test_frame_k_is_what_is_shown_at_k_over_rate(gaps_s: list[float], rate_hz: float, interval_s: float) -> None:
    times_s = [0.0, *itertools.accumulate(gaps_s)]
    frames = list(sampled([Timed(t, t) for t in times_s], rate_hz, lambda: interval_s))
    end_s = times_s[-1] + interval_s
    expected = [k / rate_hz for k in range(int(end_s * rate_hz) + 2) if k / rate_hz < end_s - 1e-6]
    assert frames == [max(t for t in times_s if t - 1e-6 <= moment_s) for moment_s in expected]


def test_an_error_comes_after_the_last_picture() -> None:
    def torn():
        yield from clip(3, 0.5)
        raise OSError("torn")

    pictures = sampled(torn(), 4.0, lambda: 0.5)
    assert [next(pictures) for _ in range(6)] == [0, 0, 1, 1, 2, 2]
    with pytest.raises(OSError, match="torn"):
        next(pictures)


def test_a_repeated_clip_goes_on_where_it_ended() -> None:
    shots = itertools.islice(repeated(lambda: clip(2, 0.5), lambda: 0.5), 5)
    assert [(shot.at_s, shot.item) for shot in shots] == [(0, 0), (0.5, 1), (1, 0), (1.5, 1), (2, 0)]


def test_a_live_source_is_thinned_to_the_rate() -> None:
    taken = list(thinned(clip(61, 1 / 30), 5.0))
    assert taken[0] == 0
    assert len(taken) == 11
    assert {later - earlier for earlier, later in itertools.pairwise(taken[1:])} == {6}


@given(st.lists(st.floats(-0.2, 0.2), min_size=100, max_size=100))
def test_a_camera_that_wavers_around_the_rate_loses_nothing(jitter: list[float]) -> None:
    shots = [Timed((i + j) / 30, i) for i, j in enumerate(jitter)]
    assert list(thinned(shots, 30.0)) == list(range(100))


def test_after_a_gap_a_live_source_is_not_caught_up_with() -> None:
    times_s = [0.0, 0.1, 5.0, 5.01, 5.02, 5.1]
    assert list(thinned([Timed(t, t) for t in times_s], 10.0)) == [0.0, 0.1, 5.0, 5.1]


@given(st.lists(st.floats(0, 0.5), max_size=60), st.floats(1, 40))
def test_a_live_source_never_gives_more_than_the_rate(gaps_s: list[float], rate_hz: float) -> None:
    times_s = list(itertools.accumulate(gaps_s))
    taken = list(thinned([Timed(t, t) for t in times_s], rate_hz))
    for first, last in itertools.combinations(range(len(taken)), 2):
        assert last - first <= (taken[last] - taken[first]) * rate_hz + 1.25 + 1e-6


def test_times_are_kept_apart_from_items() -> None:
    with pytest.raises(AttributeError):
        Timed(0.0, 1).at_s = 2.0  # type: ignore[misc] - frozen, which is the test
