import json

import pytest

from bench.publishing import overview
from bench.publishing.figures import Figure, digits, verdicts
from bench.publishing.publish import Plot, Report, publish, render


def reporter(bound=10.0):
    def report(data):
        return Report(
            title="A page",
            method="By looking.",
            figures=[Figure("error", bound, data["error"], "%", why="the link")],
            body=["| a |", "|---|"],
            plots=[Plot("dots", "Dots.", lambda canvas: canvas.add_subplot())],
        )

    return report


def test_a_page_says_where_it_ran_and_what_was_wanted(tmp_path):
    publish("thing", {"error": 3.0}, reporter(), tmp_path, note="a shared machine")
    page = (tmp_path / "thing.md").read_text(encoding="utf-8")
    data = json.loads((tmp_path / "thing.json").read_text(encoding="utf-8"))
    assert data["processor"] in page
    assert data["versions"]["torch"] in page
    assert "**Note:** a shared machine" in page
    assert "| error | ≤ 10 % | 3 % | kept |" in page
    assert "](thing-dots.svg)" in page
    assert (tmp_path / "thing-dots.svg").exists()
    assert data["error"] == 3.0
    assert data["figures"][0]["kept"] is True


def test_a_page_is_made_anew_from_the_json_alone(tmp_path):
    publish("thing", {"error": 3.0}, reporter(), tmp_path)
    before = json.loads((tmp_path / "thing.json").read_text(encoding="utf-8"))
    (tmp_path / "thing.md").unlink()
    render("thing", reporter(bound=2.0), tmp_path)
    assert "**missed**: the link" in (tmp_path / "thing.md").read_text(encoding="utf-8")
    after = json.loads((tmp_path / "thing.json").read_text(encoding="utf-8"))
    assert after["figures"][0]["kept"] is False
    assert {**after, "figures": None} == {**before, "figures": None}


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        (Figure("x", 1.0, 1.0), True),
        (Figure("x", 1.0, 1.001), False),
        (Figure("x", 0.9, 0.9, at_most=False), True),
        (Figure("x", 0.9, 0.89, at_most=False), False),
        (Figure("x", 0.0, 0.0), True),
        (Figure("x", 1.0, None), False),
    ],
)
def test_a_bound_belongs_to_what_is_kept(figure, kept):
    assert figure.kept is kept
    assert ("**missed**" in verdicts([figure])[-1]) is not kept
    assert Figure.from_json(json.loads(json.dumps(figure.as_json()))) == figure


def test_digits_are_those_that_a_measurement_deserves():
    assert [digits(value) for value in (0.0, 0.012345, 9.876, 99.99, 1234.5)] == ["0", "0.0123", "9.88", "100", "1,234"]


def test_the_overview_holds_every_page(tmp_path):
    publish("thing", {"error": 3.0}, reporter(), tmp_path)
    publish("accounting", {"error": 30.0, "link": {"kind": "packets", "congestion": "bbr"}}, reporter(), tmp_path)
    (tmp_path / "old.json").write_text("{}", encoding="utf-8")
    overview.write(tmp_path)
    lines = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| [A page]")]
    assert [row.split("(")[1].split(")")[0] for row in rows] == ["accounting.md", "thing.md"] * 2
    assert "**missed**: the link" in rows[0]
    assert "packets, bbr" in rows[2]
    assert "1 of 1 kept" in rows[3]
    assert (tmp_path / "overview.svg").exists()


def test_of_many_figures_of_a_kind_the_overview_shows_the_worst():
    figures = [Figure(f"m{i}: build", 10.0, float(i)) for i in range(9)]
    data = {"title": "T", "figures": [figure.as_json() for figure in figures]}
    rows = [line for line in overview.page([("t", data)]).splitlines() if "m" in line and "≤" in line]
    assert len(rows) == 1
    assert "m8: build" in rows[0]
