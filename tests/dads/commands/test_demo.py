"""`dads demo` says what cannot work before it starts anything."""

import pytest


@pytest.fixture
def nothing_is_started(monkeypatch):
    def start(*_):
        raise AssertionError("a child was started")

    monkeypatch.setattr("dads.demo.run.Child", start)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--rate", "inf"), "'--rate': must be more than 0 and finite, not inf"),
        (("--edge-slowdown", "inf"), "'--edge-slowdown': must be more than 0 and finite, not inf"),
        (("--report", "/tmp"), "'--report': /tmp is not a file"),
        (("--source", "missing.mp4"), "missing.mp4: no such file"),
        (("--compare", "best"), "--compare: 'best' is no policy: expected one of adaptive, edge_only, cloud_only"),
        (("--compare", "adaptive"), "--compare names adaptive alone"),
        (("--link", "0Mbit/s"), "--link 0Mbit/s: must be more than 0"),
        (("--link", "nothing"), "--link nothing: "),
        (("--link", "missing.csv"), "missing.csv: No such file"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_started(dads, nothing_is_started, args, said):
    result = dads("demo", *args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert said in line
