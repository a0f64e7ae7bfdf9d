import math

import pytest

from chaos.camera_runs.figures import Gap, Line, Trouble, ages_s, gaps_of, returned, share, source_clock, unnamed

PERIOD_S = 0.04


def line(picture, at_s, *, latency_s=0.5, wait_s=0.0, outcome="edge_only"):
    record = {"outcome": outcome, "latency_s": latency_s, "times_s": {"wait_s": wait_s}, "result": {"picture": picture}}
    return Line(at_s, record)


def taken_s(number):
    """A camera that began at 100 s."""
    return 100.0 + number * PERIOD_S


def test_an_age_is_that_of_the_computations_beginning():
    # Picture 25 was taken at 101 s; its frame was submitted at 101.1 s, waited until 101.4 s and took 0.5 s.
    assert ages_s([line(25, 101.9, latency_s=0.8, wait_s=0.3)], taken_s) == [pytest.approx(0.4)]
    assert ages_s([Line(101.9, {"outcome": "dropped", "latency_s": None})], taken_s) == []


def test_shares_are_values_that_occurred():
    assert share(list(range(1, 101)), 0.99) == 99
    assert share([5.0], 0.5) == 5.0
    assert math.isnan(share([], 0.5))


def test_a_return_counts_from_the_cameras_return_and_from_the_next_keyframe_that_was_seen():
    # Off from 105 to 110 s; watched again from 110.5 s; keyframes at 110, 112, ...; the first result is of 112.2 s.
    trouble = Trouble("killed", 105.0, 110.0, interrupts=True)
    lines = [line(100, 104.7), line(120, 110.2), line(305, 112.8)]
    back = returned(trouble, lines, taken_s=taken_s, plays=[101.0, 110.5], keyframes=[104.0, 110.0, 112.0])
    assert back.result_s == pytest.approx(2.8)
    assert back.picture_s == pytest.approx(0.3)


def test_a_connection_that_stayed_sees_the_first_keyframe():
    trouble = Trouble("silent", 105.0, 107.0, interrupts=False)
    back = returned(trouble, [line(175, 107.6)], taken_s=taken_s, plays=[101.0], keyframes=[106.0, 107.0])
    assert (back.result_s, back.picture_s) == (pytest.approx(0.6), pytest.approx(0.1))


def test_the_time_in_which_an_earlier_picture_is_computed_does_not_count():
    trouble = Trouble("hung up", 105.0, 105.0, interrupts=True)
    lines = [line(124, 105.7), line(130, 106.3)]
    back = returned(trouble, lines, taken_s=taken_s, plays=[101.0, 105.1], keyframes=[105.0, 105.12])
    assert (back.result_s, back.picture_s) == (pytest.approx(1.3), pytest.approx(0.1))


def test_who_never_comes_back_is_told():
    trouble = Trouble("killed", 105.0, 110.0, interrupts=True)
    back = returned(trouble, [line(100, 104.7)], taken_s=taken_s, plays=[], keyframes=[110.0])
    assert back.result_s == back.picture_s == math.inf


def test_a_report_names_gaps_or_knows_none():
    gap = {"at_s": 5.0, "seconds": 2.5, "why": "connection closed"}
    assert gaps_of({"source": {"gaps": [gap]}}) == [Gap(5.0, 2.5, "connection closed")]
    assert gaps_of({"source": {"gaps": [{"at_s": 5.0, "seconds": None, "why": "lasts"}]}})[0].why == "lasts"
    assert gaps_of({"source": {"reconnects": 0}}) is None
    assert gaps_of({}) is None


def test_interruptions_without_a_gap_are_found():
    killed = Trouble("killed", 105.0, 110.0, interrupts=True)
    hung_up = Trouble("hung up", 130.0, 130.0, interrupts=True)
    resized = Trouble("another size", 150.0, 150.0, interrupts=False)
    gaps = [Gap(5.5, 6.0, "closed")]
    assert unnamed([killed, hung_up, resized], gaps, lambda at_s: at_s - 100.0) == [hung_up]
    assert unnamed([killed, hung_up, resized], [*gaps, Gap(29.9, math.nan, "closed")], lambda at_s: at_s - 100.0) == []


def test_the_sources_time_is_told_by_the_result_before():
    lines = [line(25, 101.5), line(50, 102.5)]
    lines = [
        Line(one.at_s, one.record | {"source_s": source_s}) for one, source_s in zip(lines, (3.0, 7.0), strict=True)
    ]
    source_s = source_clock([Line(101.0, {"outcome": "dropped"}), *lines], taken_s)
    # Pictures 25 and 50 were taken at 101 and 102 s.
    assert (source_s(100.0), source_s(102.0), source_s(110.0)) == (2.0, 4.0, 15.0)
