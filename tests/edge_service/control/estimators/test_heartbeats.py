"""What counts as silence where heartbeats of idle streams are rarer by agreement."""

import math

import pytest

from edge_service.control.estimators.heartbeats import Heartbeats

SILENCE_S, USUAL_S, LONGEST_S = 1.8, 0.5, 5.0


@pytest.fixture
def beats():
    return Heartbeats(silence_s=SILENCE_S, usual_s=USUAL_S, longest_s=LONGEST_S)


def limit_s(beats, known_s=None):
    """Seconds since second 0 at which the cloud counts as lost, to a hundredth."""
    return next(step / 100 for step in range(100_000) if beats.are_missing(step / 100, 0.0, known_s))


def test_before_any_promise_the_usual_pause_is_expected(beats):
    assert limit_s(beats) == pytest.approx(SILENCE_S, abs=0.011)
    assert beats.gap_s == pytest.approx(1.8 * USUAL_S)


def test_the_shortest_promise_counts_and_only_as_long_as_its_stream(beats):
    beats.promised(5.0, pulse=True)
    assert limit_s(beats) == pytest.approx(SILENCE_S + 4.5, abs=0.011)
    beats.promised(0.5, pulse=False)
    assert limit_s(beats) == pytest.approx(SILENCE_S, abs=0.011)
    beats.promised(2.0, pulse=False)
    assert limit_s(beats) == pytest.approx(SILENCE_S + 1.5, abs=0.011)
    assert beats.gap_s == pytest.approx(1.8 * USUAL_S + 1.5)
    beats.renewed()
    assert limit_s(beats) == pytest.approx(SILENCE_S + 4.5, abs=0.011)
    beats.restart()
    assert limit_s(beats) == pytest.approx(SILENCE_S, abs=0.011)


def test_frames_bring_the_usual_pause_back_once_the_cloud_knows_of_them(beats):
    beats.promised(5.0, pulse=True)
    beats.promised(5.0, pulse=False)
    assert limit_s(beats, known_s=3.0) == pytest.approx(3.0 + SILENCE_S, abs=0.011)
    assert not beats.are_missing(4.0, 3.5, 1.0), "what was heard since counts"
    assert limit_s(beats, known_s=math.inf) == pytest.approx(SILENCE_S + 4.5, abs=0.011)


@pytest.mark.parametrize("said", [math.nan, -1.0, 0.0, 1e9, math.inf])
def test_no_promise_is_outside_of_what_was_agreed(beats, said):
    beats.promised(said, pulse=False)
    assert SILENCE_S <= limit_s(beats) <= SILENCE_S + LONGEST_S


def test_without_an_agreement_no_promise_counts():
    beats = Heartbeats(silence_s=SILENCE_S, usual_s=USUAL_S, longest_s=0.0)
    beats.promised(5.0, pulse=True)
    assert limit_s(beats) == pytest.approx(SILENCE_S, abs=0.011)
