"""What the page about the edge's start makes of small made-up measurements."""

import pytest

from bench.edge_start.report import report


def start(ready_s, resident_mb):
    return {"ready_s": ready_s, "first_result_s": ready_s + 0.2, "resident_bytes": resident_mb * 1_000_000}


def measured(**others):
    edges = {"today": [start(20.0, 600), start(30.0, 640), start(25.0, 620)], "file": [start(2.5, 186)] * 3}
    packages = {"today": {"torch": 800_000_000, "numpy": 200_000_000}, "file": {"numpy": 200_000_000}}
    told = {"model": "zoo:efficientnet_lite0", "revision": "07531fb", "frames": 20, "rounds": 3, "twice": []}
    return {**told, "edges": edges, "packages": packages, **others}


def test_medians_are_compared_and_sizes_summed():
    resident, ready, packages = report(measured()).figures
    assert (resident.measured, ready.measured, packages.measured) == pytest.approx((0.3, 0.1, 0.2))
    assert all(figure.kept for figure in (resident, ready, packages))


def test_a_package_that_one_build_does_not_need_has_an_empty_cell():
    body = report(measured()).body
    assert "| torch | 800.0 |  |" in body
    assert "| numpy | 200.0 | 200.0 |" in body


def test_the_worst_second_start_decides():
    twice = [
        {"model": model, "first": start(10.0, 600), "second": start(second_s, 300)}
        for model, second_s in (("resnet18", 2.0), ("swin_t", 4.0))
    ]
    made = report(measured(twice=twice))
    assert (made.figures[-1].measured, made.figures[-1].kept, made.figures[-1].why) == (0.4, False, "swin_t")
    assert "| swin_t | 10 | 4 | 0.40 |" in made.body
    assert "Not measured in the short form." in report(measured()).body
