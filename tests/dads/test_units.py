import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dads.errors import InvalidUsageError, UnitError
from dads.units import format_bytes, format_duration, format_rate, parse_duration, parse_rate


@pytest.mark.parametrize(
    ("text", "rate_bps"),
    [
        ("20Mbit/s", 20e6),
        ("20 Mbit/s", 20e6),
        (" 1.1Mbit/s ", 1.1e6),
        ("130kbit/s", 130e3),
        ("9600bit/s", 9600),
        ("1Gbit/s", 1e9),
        ("2.5MB/s", 20e6),
        ("1kB/s", 8e3),
        ("1B/s", 8),
        ("1GB/s", 8e9),
        ("0Mbit/s", 0),
        ("1e3bit/s", 1e3),
        (".5Mbit/s", 5e5),
        ("inf", math.inf),
    ],
)
def test_rates(text: str, rate_bps: float) -> None:
    assert parse_rate(text) == pytest.approx(rate_bps)


@pytest.mark.parametrize(("text", "seconds"), [("250us", 250e-6), ("10ms", 0.01), ("1.5s", 1.5), ("2min", 120)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["20", "0", "1e6", "", "fast", "-1Mbit/s", "nan", "1..2Mbit/s", "20M bit/s", "\u0661Mbit/s"]
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(UnitError, match=r"units: bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s, MB/s, GB/s$"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["20Mb", "20mbps", "20Mbps", "20mbit/s", "20MBIT/s", "20MB", "20s"])
def test_units_that_could_be_misread_do_not_exist(text: str) -> None:
    with pytest.raises(UnitError, match="there is no unit"):
        parse_rate(text)


def test_bare_numbers_name_the_units() -> None:
    with pytest.raises(UnitError, match="'10' has no unit; expected a duration such as 10ms; units: us, ms, s, min"):
        parse_duration("10")


def test_only_a_rate_may_be_infinite() -> None:
    with pytest.raises(UnitError):
        parse_duration("inf")
    with pytest.raises(UnitError, match="too large"):
        parse_duration("1e999s")


def test_the_error_is_wrong_usage_and_a_value_error() -> None:
    assert issubclass(UnitError, InvalidUsageError)
    assert issubclass(UnitError, ValueError)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_rate(20e6), "20 Mbit/s"),
        (format_rate(1.234e6), "1.23 Mbit/s"),
        (format_rate(999_999), "1 Mbit/s"),
        (format_rate(0), "0 bit/s"),
        (format_rate(1e11), "100 Gbit/s"),
        (format_rate(5e12), "5000 Gbit/s"),
        (format_rate(math.inf), "unlimited"),
        (format_duration(0.0123), "12.3 ms"),
        (format_duration(1e-7), "0.1 us"),
        (format_duration(0), "0 us"),
        (format_duration(90), "90 s"),
        (format_duration(150), "2.5 min"),
        (format_duration(-0.002), "-2 ms"),
        (format_duration(math.inf), "never"),
        (format_bytes(64_000), "64 kB"),
        (format_bytes(5_191_680), "5.19 MB"),
        (format_bytes(17), "17 B"),
    ],
)
def test_formatting(text: str, expected: str) -> None:
    assert text == expected


@given(st.floats(1, 1e12))
def test_what_is_formatted_can_be_read(value: float) -> None:
    assert parse_rate(format_rate(value)) == pytest.approx(value, rel=0.006)
    assert parse_duration(format_duration(value / 1e6)) == pytest.approx(value / 1e6, rel=0.006)
