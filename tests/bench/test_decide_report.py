import json

import pytest

from bench.decide_report import machine, markdown


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
    return {"note": "", **machine(), "rows": [row | changed]}


def verdicts(page):
    return [line.split("|")[-2].strip() for line in page.partition("## Wanted")[2].splitlines() if "≤" in line]


def test_what_was_wanted_stands_beside_what_was_measured():
    page = markdown(data())
    assert verdicts(page) == ["kept", "kept", "kept"]
    assert "| 20 (10 to 60) |" in page
    assert "| 100 times |" in page


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"heavy": spread(51e-6)}, ["kept", "kept", "**missed**"]),
        ({"build": spread(0.101)}, ["**missed**", "kept", "kept"]),
        ({"sets": 10_000}, ["kept"]),
        ({"model": "inception_v3", "sets": 35_682, "light": spread(240e-6), "heavy": spread(260e-6)},
         ["kept", "kept", "**missed**"]),
    ],
)  # fmt: skip
def test_a_miss_is_said(changed, expected):
    assert verdicts(markdown(data(**changed))) == expected


def test_a_note_is_printed_and_the_numbers_survive_json():
    made = data() | {"note": "the machine was shared"}
    assert "the machine was shared" in markdown(json.loads(json.dumps(made)))
