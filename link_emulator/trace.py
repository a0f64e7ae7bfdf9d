"""The rate of a link over time: a step function that repeats.

A trace file is text with rows `time_s,rate_bps`, one step each. Lines that start with `#` and empty lines are skipped;
one header row (`time_s,uplink_bps`) may come first:

    # what was recorded, and where
    time_s,uplink_bps
    0.0,8160000
    0.1,11280000

The first step starts at 0 and times increase. A step lasts until the next one starts; the last one lasts as long as the
one before it, then the trace repeats. A rate of 0 stalls the link. A single row is a constant rate.

Times are exact up to rounding, because they come from integrating the steps, not from stepping through time.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import resources
from itertools import accumulate
from os import PathLike
from pathlib import Path

from link_emulator.errors import TraceError

_HEADERS = ("time_s,uplink_bps", "time_s,downlink_bps", "time_s,rate_bps")


@dataclass(frozen=True, slots=True)
class Trace:
    """A repeating step function of time.

    Attributes:
        times_s: When each step starts, in seconds; the first is 0, and they increase.
        rates_bps: The rate of each step in bits per second, 0 or more; infinite only in a trace of one step.
        period_s: When the trace repeats; infinite for a trace of one step.

    Raises:
        TraceError: The steps violate these rules.
    """

    times_s: tuple[float, ...]
    rates_bps: tuple[float, ...]
    period_s: float = field(init=False)
    _ends_bits: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.times_s or len(self.times_s) != len(self.rates_bps):
            raise TraceError(f"a trace needs one rate for each time: {len(self.times_s)} and {len(self.rates_bps)}")
        for position, (time_s, rate_bps) in enumerate(zip(self.times_s, self.rates_bps, strict=True)):
            previous_s = self.times_s[position - 1] if position else None
            if (problem := _problem(time_s, rate_bps, previous_s)) is not None:
                raise TraceError(f"step {position + 1} of the trace: {problem}")
        constant = len(self.times_s) == 1
        if not constant and math.inf in self.rates_bps:
            raise TraceError("an infinite rate must be the only step of its trace")
        # The last step has no end of its own: it lasts as long as the step before it.
        period_s = math.inf if constant else 2 * self.times_s[-1] - self.times_s[-2]
        ends_s = (*self.times_s[1:], period_s)
        bits = (
            rate * (end - start) if rate else 0.0
            for rate, start, end in zip(self.rates_bps, self.times_s, ends_s, strict=True)
        )
        object.__setattr__(self, "period_s", period_s)
        object.__setattr__(self, "_ends_bits", tuple(accumulate(bits)))

    @classmethod
    def constant(cls, rate_bps: float) -> Trace:
        """Return a constant rate in bits per second; `math.inf` is no limit, 0 stalls the link."""
        return cls((0.0,), (rate_bps,))

    @classmethod
    def from_csv(cls, path: str | PathLike[str]) -> Trace:
        """Read a trace from a file (see the module's docstring).

        Raises:
            TraceError: A line is not valid; the message gives the file and the line number.
            OSError: The file cannot be read.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise TraceError(f"{path}: not a text file; expected rows of time_s,uplink_bps") from error
        return cls.from_lines(text.splitlines(), source=str(path))

    @classmethod
    def from_lines(cls, lines: Iterable[str], *, source: str = "trace") -> Trace:
        """Read a trace from lines of text; `source` names them in errors.

        Raises:
            TraceError: A line is not valid; the message gives the source and the line number.
        """
        times_s: list[float] = []
        rates_bps: list[float] = []
        header_may_come = True
        for number, line in enumerate(lines, start=1):
            row = line.strip()
            if not row or row.startswith("#"):
                continue
            if header_may_come and "".join(row.split()).lower() in _HEADERS:
                header_may_come = False
                continue
            header_may_come = False
            time_s, rate_bps = _parse_row(row, where=f"{source}:{number}")
            if (problem := _problem(time_s, rate_bps, times_s[-1] if times_s else None)) is not None:
                raise TraceError(f"{source}:{number}: {problem}")
            times_s.append(time_s)
            rates_bps.append(rate_bps)
        if not times_s:
            raise TraceError(f"{source}: no steps; expected rows of time_s,uplink_bps")
        return cls(tuple(times_s), tuple(rates_bps))

    def rate_at(self, time_s: float) -> float:
        """Return the rate in bits per second at a time of 0 or more on the trace's clock, in any period."""
        within_s = time_s if self.period_s == math.inf else time_s % self.period_s
        return self.rates_bps[bisect_right(self.times_s, within_s) - 1]

    def bytes_between(self, start_s: float, end_s: float) -> float:
        """Return how many bytes pass a link that is busy from `start_s` to `end_s`."""
        if end_s <= start_s:
            return 0.0
        if self.period_s == math.inf:
            return self.rates_bps[0] * (end_s - start_s) / 8 if self.rates_bps[0] else 0.0
        start_period, start_within_s = divmod(start_s, self.period_s)
        end_period, end_within_s = divmod(end_s, self.period_s)
        whole_bits = (end_period - start_period) * self._ends_bits[-1]
        return (whole_bits + self._bits_until(end_within_s) - self._bits_until(start_within_s)) / 8

    def time_after(self, start_s: float, size_bytes: float) -> float:
        """Return when `size_bytes` have passed a link that is busy from `start_s` on.

        Returns:
            The earliest such time in seconds on the trace's clock; `math.inf` if they never pass.
        """
        if size_bytes <= 0 or start_s == math.inf:
            return start_s
        if self.period_s == math.inf:
            rate_bps = self.rates_bps[0]
            return start_s + 8 * size_bytes / rate_bps if rate_bps else math.inf
        period_bits = self._ends_bits[-1]
        if period_bits == 0:
            return math.inf
        period, within_s = divmod(start_s, self.period_s)
        more_periods, bits = divmod(self._bits_until(within_s) + 8 * size_bytes, period_bits)
        if bits == 0:  # the last bit passes at the end of the last step with a rate, not at the next period's start
            more_periods, bits = more_periods - 1, period_bits
        step = bisect_left(self._ends_bits, bits)
        bits_before = self._ends_bits[step - 1] if step else 0.0
        end_within_s = self.times_s[step] + (bits - bits_before) / self.rates_bps[step]
        return max(start_s, (period + more_periods) * self.period_s + end_within_s)

    def _bits_until(self, within_s: float) -> float:
        step = bisect_right(self.times_s, within_s) - 1
        bits_before = self._ends_bits[step - 1] if step else 0.0
        return bits_before + self.rates_bps[step] * (within_s - self.times_s[step])


def bundled(name: str) -> Trace:
    """Return a trace that comes with the package, by name, such as `lte_uplink_verizon`.

    Raises:
        TraceError: There is no such trace; the message lists the names.
    """
    files = {
        entry.name.removesuffix(".csv"): entry
        for entry in resources.files("link_emulator").joinpath("traces").iterdir()
    }
    if name not in files:
        raise TraceError(f"no bundled trace is called {name!r}; there are: {', '.join(sorted(files))}")
    return Trace.from_lines(files[name].read_text(encoding="utf-8").splitlines(), source=name)


def _parse_row(row: str, *, where: str) -> tuple[float, float]:
    fields = row.split(",")
    try:
        time_s, rate_bps = (float(text) for text in fields)
    except ValueError as error:
        raise TraceError(
            f"{where}: expected two numbers, time_s,uplink_bps (seconds, bits per second): {row!r}"
        ) from error
    if rate_bps == math.inf:
        raise TraceError(f"{where}: the rate must be a finite number of bits per second: {row!r}")
    return time_s, rate_bps


def _problem(time_s: float, rate_bps: float, previous_s: float | None) -> str | None:
    if previous_s is None and time_s != 0:
        return f"the first step must start at 0 s, not {time_s:g}"
    if previous_s is not None and not previous_s < time_s < math.inf:
        return f"times must increase: {time_s:g} s comes after {previous_s:g} s"
    if not rate_bps >= 0:
        return f"the rate must be 0 bit/s or more, not {rate_bps:g}"
    return None
