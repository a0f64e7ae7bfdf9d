import argparse
import json

import pytest

from bench.publishing.harness import Benchmark, Run, turns
from bench.publishing.journal import Journal
from bench.publishing.publish import Report


def run_of(path):
    return Run(argparse.Namespace(full=True), Journal(path), 10.0)


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_cells_are_measured_once_and_come_in_order(tmp_path, at_a_time):
    measured = []

    def square(x):
        measured.append(x)
        return {"square": x * x}

    cells = [{"x": x} for x in range(4)]
    run_of(tmp_path / "cells").cells(cells[:2], square)
    found = run_of(tmp_path / "cells").cells(cells, square, at_a_time=at_a_time)
    assert [one["square"] for one in found] == [0, 1, 4, 9]
    assert sorted(measured) == [0, 1, 2, 3]


def test_what_fails_leaves_the_cells_before_it_finished(tmp_path):
    def inverse(x):
        return 1 / x

    with pytest.raises(ZeroDivisionError):
        run_of(tmp_path / "cells").cells([{"x": 2}, {"x": 0}], inverse)
    assert run_of(tmp_path / "cells").cells([{"x": 2}], lambda **_: pytest.fail("measured again")) == [0.5]


def test_everything_takes_a_turn_in_each_round():
    order = list(turns(("a", "b"), 2, warmup=1))
    assert order == [("a", False), ("b", False), ("a", True), ("b", True), ("a", True), ("b", True)]
    shuffled = [name for name, _ in turns(("a", "b", "c"), 30, shuffled=True)]
    rounds = {"".join(shuffled[begin : begin + 3]) for begin in range(0, 90, 3)}
    assert rounds == {"abc", "acb", "bac", "bca", "cab", "cba"}


def test_a_benchmark_measures_and_publishes_and_writes_its_page_anew(tmp_path, monkeypatch, capsys):
    def report(data):
        return Report("A page", "By looking.", [], [f"seen: {data['seen']}"])

    benchmark = Benchmark("copies", "What is seen.", lambda run: {"seen": run.full}, report)
    monkeypatch.setattr("sys.argv", ["bench", "--output", str(tmp_path), "--note", "a shared machine"])
    benchmark.main()
    assert "expected to take about 10 s" in capsys.readouterr().out
    assert json.loads((tmp_path / "copies.json").read_text(encoding="utf-8"))["seen"] is False
    page = (tmp_path / "copies.md").read_text(encoding="utf-8")
    assert "seen: False" in page
    assert "**Note:** a shared machine" in page
    (tmp_path / "copies.md").unlink()
    monkeypatch.setattr("sys.argv", ["bench", "--output", str(tmp_path), "--render"])
    benchmark.main()
    assert (tmp_path / "copies.md").read_text(encoding="utf-8") == page
