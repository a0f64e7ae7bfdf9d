"""Wanted figures beside measured ones: kept or missed, and what stands in the way where missed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

__all__ = ["Figure", "digits", "table", "verdicts"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that the project wants, and what was measured.

    Attributes:
        what: What is measured.
        wanted: The bound.
        measured: The figure, in the bound's unit; None where it could not be measured.
        unit: Written behind both: "%", "ms", "x" or nothing.
        at_most: Whether less is better; else more is.
        why: What stands in the way; written where the figure is missed.
    """

    what: str
    wanted: float
    measured: float | None
    unit: str = ""
    at_most: bool = True
    why: str = ""

    @property
    def kept(self) -> bool:
        """Whether the figure is as wanted."""
        if self.measured is None:
            return False
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    @property
    def cells(self) -> dict[str, str]:
        """What, wanted, measured and the verdict, as a row of `table`."""
        unit = f" {self.unit}" if self.unit else ""
        measured = "not measured" if self.measured is None else f"{digits(self.measured)}{unit}"
        verdict = "kept" if self.kept else f"**missed**{f': {self.why}' if self.why else ''}"
        wanted = f"{'≤' if self.at_most else '≥'} {self.wanted:g}{unit}"
        return {"figure": self.what, "wanted": wanted, "measured": measured, "": verdict}

    def as_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads, and the verdict for other readers."""
        return {**asdict(self), "kept": self.kept}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Returns the figure that `as_json` wrote."""
        return cls(**{name: value for name, value in data.items() if name != "kept"})


def digits(value: float) -> str:
    """Returns a number with the digits that a measurement deserves.

    >>> digits(1234.5), digits(0.01234)
    ('1,234', '0.0123')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows: Iterable[Mapping[str, Any]], *, texts: int = 1, remark: bool = False) -> list[str]:
    """Returns a table's lines, for rows that name each cell.

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
    """Returns the section that sets wanted figures beside measured ones."""
    rows = [figure.cells for figure in figures]
    return ["## Wanted and measured", "", *table(rows, remark=True)] if rows else []


def _cell(value: str | float | None) -> str:
    return digits(value) if isinstance(value, float) else "" if value is None else str(value)
