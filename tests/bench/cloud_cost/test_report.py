"""What the page about the cloud's cost of a frame makes of small made-up measurements."""

import pytest

from bench.cloud_cost.report import report


def counted(answered, processor_s):
    told = {"seconds": 2.0, "load": 3.0, "median_s": 0.01, "p99_s": 0.05}
    return {"answered": answered, "processor_s": processor_s, **told}


def measured(cases):
    told = {"revision": "fd76b73", "kilobytes": 150.0, "edges": 30, "unanswered": 4, "rounds": 3, "seconds": 2.0}
    rows = [{"case": case, "rate_hz": 0.0, "before": before, "today": today} for case, before, today in cases]
    return {**told, "rows": rows}


BEFORE = [counted(1000, 1.0), counted(500, 1.0), counted(1000, 1.0)]


def test_builds_are_compared_within_a_turn_and_the_median_turn_counts():
    today = [counted(2000, 1.0), counted(1500, 1.0), counted(2500, 1.0)]
    cost, goodput, paced = report(measured([("saturated", BEFORE, today), ("4 Hz a camera", BEFORE, BEFORE)])).figures
    assert (cost.measured, goodput.measured, paced.measured) == pytest.approx((0.4, 2.5, 1.0))
    assert (cost.kept, goodput.kept, paced.kept) == (True, True, False)


def test_every_case_has_a_row_for_each_build():
    cases = [("saturated", BEFORE, BEFORE), ("4 Hz a camera", BEFORE, BEFORE), ("TLS, saturated", BEFORE, BEFORE)]
    body = report(measured(cases)).body
    assert "| TLS, saturated | before | 1,000 | 500 | 10 | 50 | 3 |" in body
    assert "| TLS, saturated | today | 1,000 | 500 | 10 | 50 | 3 |" in body
