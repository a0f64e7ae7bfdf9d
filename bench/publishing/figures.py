"""Wanted figures beside measured ones: kept or missed, and what stands in the way where missed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A bound, and what was measured: None where it could not be. `why` is written where the bound is missed."""

    what: str
    wanted: float
    measured: float | None
    unit: str = ""
    at_most: bool = True
    why: str = ""

    @property
    def kept(self) -> bool:
        if self.measured is None:
            return False
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    @property
    def used(self) -> float:
        """How much of what is allowed it takes: above 1 is missed."""
        if self.measured is None:
            return float("inf")
        if self.at_most:
            return self.measured / self.wanted if self.wanted else 1.0 + self.measured
        return self.wanted / self.measured if self.measured > 0 else float("inf")

    @property
    def cells(self) -> dict[str, str]:
        unit = f" {self.unit}" if self.unit else ""
        measured = "not measured" if self.measured is None else f"{digits(self.measured)}{unit}"
        verdict = "kept" if self.kept else f"**missed**{f': {self.why}' if self.why else ''}"
        wanted = f"{'≤' if self.at_most else '≥'} {self.wanted:g}{unit}"
        return {"figure": self.what, "wanted": wanted, "measured": measured, "": verdict}

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads, and the verdict for other readers."""
        return {**asdict(self), "kept": self.kept}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{name: value for name, value in data.items() if name != "kept"})


def digits(value: float) -> str:
    """A number with the digits that a measurement deserves.

    >>> digits(1234.5), digits(0.01234)
    ('1,234', '0.0123')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by what they hold under some names, in order of appearance."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def table(rows: Iterable[Row], *, texts: int = 1, remark: bool = False) -> list[str]:
    """The lines of a table, for rows that name each cell.

    Columns are of numbers, but the first `texts` of them, and the last where it is a remark. Floats get the digits that
    a measurement deserves; None is an empty cell.

    >>> table([{"model": "a", "ms": 0.01234}, {"model": "b", "ms": 1234.5}])
    ['| model | ms |', '| --- | --: |', '| a | 0.0123 |', '| b | 1,234 |']
    """
    found = list(rows)
    head = list(found[0]) if found else []
    marks = ["---"] * texts + ["--:"] * (len(head) - texts - remark) + ["---"] * remark
    cells = [[_cell(row[name]) for name in head] for row in found]
    return [f"| {' | '.join(line)} |" for line in (head, marks, *cells)] if found else []


def verdicts(figures: Iterable[Figure]) -> list[str]:
    rows = [figure.cells for figure in figures]
    return ["## Wanted and measured", "", *table(rows, remark=True)] if rows else []


def _cell(value: str | float | None) -> str:
    return digits(value) if isinstance(value, float) else "" if value is None else str(value)
