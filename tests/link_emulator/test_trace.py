import math
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_emulator import Trace, TraceError, bundled

_RATES = st.sampled_from([0.0, 8.0, 1e3, 250e3, 20e6])


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    gaps_s = draw(st.lists(st.sampled_from([0.1, 0.25, 1.0, 7.0]), min_size=1, max_size=6))
    times_s = [0.0]
    for gap_s in gaps_s:
        times_s.append(times_s[-1] + gap_s)
    rates_bps = draw(st.lists(_RATES, min_size=len(times_s), max_size=len(times_s)))
    return Trace(tuple(times_s), tuple(rates_bps))


def stepped_bytes(trace: Trace, start_s: float, end_s: float) -> float:
    """By brute force: midpoint of each of many thin slices."""
    slices = 20_000
    width_s = (end_s - start_s) / slices
    return sum(trace.rate_at(start_s + (i + 0.5) * width_s) * width_s / 8 for i in range(slices))


def test_steps_repeat_and_the_last_lasts_as_long_as_the_one_before() -> None:
    trace = Trace((0.0, 1.0, 3.0), (8.0, 0.0, 24.0))
    assert trace.period_s == 5.0
    assert [trace.rate_at(t) for t in (0, 0.999, 1, 2.9, 3, 4.9, 5, 6, 8)] == [8, 8, 0, 0, 24, 24, 8, 0, 24]


def test_bytes_and_times_by_hand() -> None:
    trace = Trace((0.0, 1.0, 3.0), (8.0, 0.0, 24.0))  # 1 byte in the first second, 2 s of nothing, 3 bytes a second
    assert trace.bytes_between(0, 5) == 7
    assert trace.bytes_between(0.5, 3.5) == 2
    assert trace.time_after(0, 1) == 1  # not 3: the byte has passed before the stall
    assert trace.time_after(0, 1.5) == pytest.approx(3 + 0.5 / 3)
    assert trace.time_after(1, 1.5) == 3.5
    assert trace.time_after(2, 6) == 5
    assert trace.time_after(2, 6.25) == 5.25
    assert trace.time_after(0, 70) == 50
    assert trace.time_after(2, 0) == 2


def test_a_last_step_of_zero_does_not_delay_the_last_byte_of_a_period() -> None:
    trace = Trace((0.0, 1.0), (8.0, 0.0))
    assert trace.time_after(0, 3) == 5


@given(traces(), st.floats(0, 60), st.floats(0.01, 20))
def test_bytes_between_equals_thin_slices(trace: Trace, start_s: float, duration_s: float) -> None:
    expected = stepped_bytes(trace, start_s, start_s + duration_s)
    slack = max(trace.rates_bps) / 8 * duration_s / 20_000 * (2 + 8 * duration_s)  # slices that hold a step's edge
    assert trace.bytes_between(start_s, start_s + duration_s) == pytest.approx(expected, abs=slack + 1e-6)


@given(traces(), st.floats(0, 1e4), st.floats(1, 1e6))
def test_time_after_is_the_inverse_of_bytes_between(trace: Trace, start_s: float, size_bytes: float) -> None:
    end_s = trace.time_after(start_s, size_bytes)
    if not any(trace.rates_bps):
        assert end_s == math.inf
        return
    rounding = 1e-9 * max(size_bytes, max(trace.rates_bps) * end_s)
    assert trace.bytes_between(start_s, end_s) == pytest.approx(size_bytes, abs=rounding)


@given(traces(), st.floats(0, 1e3), st.floats(0, 100))
def test_time_after_is_the_earliest_such_time(trace: Trace, start_s: float, duration_s: float) -> None:
    size_bytes = trace.bytes_between(start_s, start_s + duration_s)
    assert trace.time_after(start_s, size_bytes * (1 - 1e-9)) <= start_s + duration_s + 1e-9


def test_constants() -> None:
    assert Trace.constant(20e6).time_after(3, 5_000_000) == 5
    assert Trace.constant(math.inf).time_after(3, 5_000_000) == 3
    assert Trace.constant(0).time_after(3, 1) == math.inf
    assert Trace.constant(0).bytes_between(0, math.inf) == 0
    assert Trace.constant(0).time_after(3, 0) == 3


def test_reads_comments_header_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "link.csv"
    path.write_text("# a link\n\ntime_s, uplink_bps\n0, 1e6\n  # slower\n2.5,0\n")
    assert Trace.from_csv(path) == Trace((0.0, 2.5), (1e6, 0.0))


def test_the_header_is_optional() -> None:
    assert Trace.from_lines(["0,5"]) == Trace.constant(5)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("0,1\n1\n", 2, "two numbers"),
        ("0,1\n1,2,3\n", 2, "two numbers"),
        ("time_s,uplink_bps\n0,fast\n", 2, "two numbers"),
        ("0,1\ntime_s,uplink_bps\n", 2, "two numbers"),
        ("# c\n1,1\n", 2, "start at 0"),
        ("0,1\n2,1\n2,1\n", 3, "increase"),
        ("0,1\nnan,1\n", 2, "increase"),
        ("0,1\ninf,1\n", 2, "increase"),
        ("0,1\n1,-1\n", 2, "0 bit/s or more"),
        ("0,nan\n", 1, "0 bit/s or more"),
        ("0,inf\n", 1, "finite"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(TraceError, match=message) as caught:
        Trace.from_csv(path)
    assert f"bad.csv:{line}:" in str(caught.value)


def test_files_that_are_no_traces(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("# nothing\n")
    with pytest.raises(TraceError, match="no steps"):
        Trace.from_csv(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match="not a text file"):
        Trace.from_csv(path)
    with pytest.raises(FileNotFoundError):
        Trace.from_csv(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("times_s", "rates_bps"),
    [((), ()), ((0.0,), ()), ((0.0, 1.0), (1.0, math.inf)), ((0.0, 0.0), (1.0, 1.0)), ((0.0,), (-1.0,))],
)
def test_steps_are_checked(times_s: tuple[float, ...], rates_bps: tuple[float, ...]) -> None:
    with pytest.raises(TraceError):
        Trace(times_s, rates_bps)


def test_the_bundled_trace() -> None:
    trace = bundled("lte_uplink_verizon")
    assert trace.period_s == pytest.approx(140.1)
    assert trace.rate_at(0.15) == 11_280_000
    assert min(trace.rates_bps) == 0
    with pytest.raises(TraceError, match=r"there are: .*lte_uplink_verizon"):
        bundled("5g")


def test_every_bundled_trace_can_be_read() -> None:
    names = [entry.name for entry in resources.files("link_emulator").joinpath("traces").iterdir()]
    assert names
    for name in names:
        assert bundled(name.removesuffix(".csv")).period_s > 0
