"""Quantities as people type and read them: `20Mbit/s`, `10ms`, `64 kB`.

The program computes in bits per second, seconds and bytes. A number without a unit is an error, because 20 may mean
20 Mbit/s or 20 MB/s. So are ambiguous units (`Mb`, `mbps`). Units are written exactly as listed: `MB` is 10^6 bytes;
`bit` and `B` differ by a factor of 8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from dads.errors import UnitError

_RATES: Mapping[str, float] = MappingProxyType(
    {
        "bit/s": 1,
        "kbit/s": 1e3,
        "Mbit/s": 1e6,
        "Gbit/s": 1e9,
        "B/s": 8,
        "kB/s": 8e3,
        "MB/s": 8e6,
        "GB/s": 8e9,
    }
)
_DURATIONS: Mapping[str, float] = MappingProxyType({"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60})
_SIZES: Mapping[str, float] = MappingProxyType({"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9})
_QUANTITY = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+)(?P<exponent>e[+-]?\d+)?\s*(?P<unit>[a-zA-Z/]*)", re.ASCII)


def parse_rate(text: str) -> float:
    """Read a bit rate such as `20Mbit/s`, `2.5 MB/s` or `inf` (no limit).

    Returns:
        Bits per second, 0 or more.

    Raises:
        UnitError: The text is not a number followed by a unit of bit rate.
    """
    if text.strip() == "inf":
        return math.inf
    return _parse(text, _RATES, "a bit rate", "20Mbit/s, or inf")


def parse_duration(text: str) -> float:
    """Read a duration such as `10ms` or `1.5s`.

    Returns:
        Seconds, 0 or more.

    Raises:
        UnitError: The text is not a number followed by a unit of time.
    """
    return _parse(text, _DURATIONS, "a duration", "10ms")


def format_rate(rate_bps: float) -> str:
    """Bits per second for people, to three digits: `20 Mbit/s`."""
    return "unlimited" if rate_bps == math.inf else _format(rate_bps, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"), _RATES)


def format_duration(duration_s: float) -> str:
    """Seconds for people, to three digits: `12.3 ms`; minutes only from 2 on."""
    if duration_s == math.inf:
        return "never"
    return _format(duration_s, ("us", "ms", "s") if abs(duration_s) < 120 else ("min",), _DURATIONS)


def format_bytes(size_bytes: float) -> str:
    """Bytes for people, to three digits, in powers of 1000: `64 kB`."""
    return _format(size_bytes, ("B", "kB", "MB", "GB"), _SIZES)


def _parse(text: str, units: Mapping[str, float], what: str, example: str) -> float:
    expected = f"expected {what} such as {example}; units: {', '.join(units)}"
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise UnitError(f"{text!r} is not a number with a unit; {expected}")
    unit = match["unit"]
    if not unit:
        raise UnitError(f"{text!r} has no unit; {expected}")
    if unit not in units:
        raise UnitError(f"{text!r}: there is no unit {unit!r} here; {expected}")
    value = float(match["number"] + (match["exponent"] or "")) * units[unit]
    if value == math.inf:
        raise UnitError(f"{text!r} is too large; {expected}")
    return value


def _format(value: float, names: tuple[str, ...], units: Mapping[str, float]) -> str:
    """In the largest unit that gives 1 or more after rounding, else in the smallest unit."""
    for name in reversed(names):
        digits = f"{value / units[name]:.3g}"
        if abs(float(digits)) >= 1:
            break
    # Three digits, without an exponent: a larger number is shown as an integer.
    number = f"{value / units[name]:.0f}" if "e+" in digits else digits
    return f"{number} {name}"
