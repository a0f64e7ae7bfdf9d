import builtins
import math
import xml.etree.ElementTree as ET

import pytest

from dads.drawing.plan_plot import check_plot_file, figure_of, plot_curves
from dads.errors import InvalidUsageError
from dads.planning.alternatives import Curve, Curves
from partitioner import Link

pytest.importorskip("matplotlib")

LINK = ("--uplink", "20Mbit/s", "--rtt", "10ms", "--rate", "5")
NAMES = ("edge only", "cloud only", "DSL (lowest latency)", "DSH (highest throughput)")
CURVES = Curves(
    uplink_bps=(1e5, 1e7, 1e9),
    curves=tuple(
        Curve(name, (0.1 * (i + 1), 0.1, 0.05), (1.0, 10.0 * (i + 1), math.inf)) for i, name in enumerate(NAMES)
    ),
)


def without(monkeypatch, package):
    real = builtins.__import__

    def importing(name, *args, **options):
        if name.partition(".")[0] == package:
            raise ImportError(f"No module named {package!r}")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_axes_carry_units_and_the_uplink_is_logarithmic():
    figure = figure_of(CURVES, Link(5e6), "a title")
    latency, throughput = figure.axes
    assert (latency.get_ylabel(), throughput.get_ylabel()) == ("latency (ms)", "throughput (frames/s)")
    assert throughput.get_xlabel() == "uplink (Mbit/s)"
    assert (latency.get_xscale(), throughput.get_xscale()) == ("log", "log")
    assert throughput.get_xlim() == (0.1, 1000.0)


def test_the_lines_are_the_curves_in_the_axes_units():
    figure = figure_of(CURVES, Link(math.inf), "a title")
    latency, throughput = figure.axes
    assert [line.get_label() for line in latency.lines] == list(NAMES)
    for line, curve in zip(latency.lines, CURVES.curves, strict=True):
        assert list(line.get_xdata()) == pytest.approx([0.1, 10, 1000])
        assert list(line.get_ydata()) == pytest.approx([1000 * seconds for seconds in curve.latency_s])
    for line, curve in zip(throughput.lines, CURVES.curves, strict=True):
        assert list(line.get_ydata())[:2] == pytest.approx(curve.throughput_hz[:2])
        assert math.isnan(line.get_ydata()[2])


def test_a_print_in_black_and_white_tells_the_lines_apart():
    latency, _ = figure_of(CURVES, Link(math.inf), "a title").axes
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in latency.lines}) == len(NAMES)


@pytest.mark.parametrize(("uplink_bps", "marked"), [(5e6, True), (1e3, False), (math.inf, False)])
def test_the_planned_uplink_is_marked_where_it_lies_in_the_range(uplink_bps, marked):
    latency, _ = figure_of(CURVES, Link(uplink_bps), "a title").axes
    assert [text.get_text() for text in latency.texts] == (["5 Mbit/s"] if marked else [])


def test_an_svg_holds_its_words_and_is_the_same_each_time(tmp_path):
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    for path in (one, other):
        plot_curves(CURVES, Link(5e6), "a title", path)
    words = {element.text for element in ET.parse(one).iter("{http://www.w3.org/2000/svg}text")}
    assert {*NAMES, "a title", "latency (ms)", "uplink (Mbit/s)"} <= words
    assert one.read_bytes() == other.read_bytes()


def test_the_command_writes_a_png_and_still_prints_the_plan(dads, times, tmp_path):
    path = tmp_path / "plan.png"
    result = dads("plan", "zoo:easy_net", *LINK, *times.options, "--plot", path)
    assert result.exit_code == 0, result.stderr
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "chosen" in result.stdout


def test_without_matplotlib_the_error_names_the_extra(dads, monkeypatch):
    without(monkeypatch, "matplotlib")
    result = dads("plan", "zoo:easy_net", *LINK, "--plot", "plan.svg")
    assert result.exit_code == 2
    assert "dads[plot]" in result.stderr


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(InvalidUsageError, match=r"\.svg or \.png"):
        check_plot_file(tmp_path / "plan.pdf")
