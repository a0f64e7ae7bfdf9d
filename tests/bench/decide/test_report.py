import pytest

from bench.decide.report import report
from bench.publishing.figures import verdicts


def spread(seconds):
    return {"median_s": seconds, "min_s": seconds / 2, "max_s": seconds * 3, "runs": 5}


def data(**changed):
    row = {
        "model": "resnet50",
        "layers": 178,
        "sets": 240,
        "build": spread(0.003),
        "reprice": spread(0.0005),
        "light": spread(20e-6),
        "heavy": spread(30e-6),
        "networkx": spread(0.2),
        "scipy": spread(0.002),
        "dinic": spread(0.05),
    }
    return {"rows": [row | changed]}


def judged(data):
    return [figure.kept for figure in report(data).figures]


def test_what_was_wanted_stands_beside_what_was_measured():
    made = report(data())
    assert judged(data()) == [True, True, True]
    body = "\n".join(made.body)
    assert "| 20 (10 to 60) |" in body
    assert "| 100 times |" in body
    assert any("≤ 50 µs | 20 µs | kept" in line for line in verdicts(made.figures))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"heavy": spread(51e-6)}, [True, True, False]),
        ({"build": spread(0.101)}, [False, True, True]),
        ({"sets": 10_000}, [True]),
        ({"model": "inception_v3", "sets": 35_682, "light": spread(240e-6), "heavy": spread(260e-6)},
         [True, True, False]),
    ],
)  # fmt: skip
def test_a_miss_is_said(changed, expected):
    assert judged(data(**changed)) == expected
