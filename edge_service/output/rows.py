"""Compares outputs whose rows are found by their values, as boxes are: as sets, and without the close calls.

Rounding changes a score by a millionth. A box at a threshold then comes or goes, of two boxes that overlap another one
stays, and nearly tied boxes change places. So rows are matched in any order. A row without a partner is no difference
if it comes and goes too when the rest is run again on trunk outputs that are slightly off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["differing_rows"]

Outputs = dict[str, NDArray[Any]]

_LOOSER = 10  # rows of runs that are off on purpose are themselves off by more than those that rounding makes


def differing_rows(expected: Outputs, actual: Outputs, nearby: Sequence[Outputs], tolerance: float) -> str | None:
    """Describes the rows that one set of outputs has and the other lacks; None if they are equal up to close calls.

    Outputs with the same parent (`0.boxes`, `0.labels`) are columns of one table, row i being box i with its label, if
    they always have equally many rows; else each is a table of its own.

    Args:
        expected: The outputs of the whole model, by path, as numbers (`split_model.numbers`).
        actual: The same paths, with arrays of the same dtypes and numbers of dimensions.
        nearby: Outputs of the whole model for trunk outputs that are slightly off.
        tolerance: The largest error of an element, relative to its output's scale.
    """
    joint = set.intersection(*(_joint(outputs) for outputs in (expected, actual, *nearby)))
    wanted, found = _tables(expected, joint), _tables(actual, joint)
    left = {parent: _unmatched(table, found[parent], tolerance) for parent, table in wanted.items()}
    for run in nearby:
        if not any(lost or more for lost, more in left.values()):
            break
        for parent, table in _tables(run, joint).items():
            lost, more = left[parent]
            if lost or more:  # whole tables are matched, so that a row does not take the partner of its double
                absent, _ = _unmatched(wanted[parent], table, tolerance * _LOOSER)
                strange, _ = _unmatched(found[parent], table, tolerance * _LOOSER)
                left[parent] = [row for row in lost if row not in absent], [row for row in more if row in strange]
    for parent, (lost, more) in left.items():
        if lost or more:
            return (
                f"{len(lost)} of {_count(wanted[parent])} rows of {parent or 'the outputs'} are missing, "
                f"{len(more)} are unexpected"
            )
    return None


def _joint(outputs: Outputs) -> set[str]:
    """The parents whose children have equally many rows."""
    rows: defaultdict[str, set[int]] = defaultdict(set)
    for path, array in outputs.items():
        rows[_parent(path)].add(len(array) if array.ndim else -1)
    return {parent for parent, counts in rows.items() if len(counts) == 1}


def _tables(outputs: Outputs, joint: set[str]) -> dict[str, Outputs]:
    """Columns by table; a scalar is a column of one row."""
    tables: defaultdict[str, Outputs] = defaultdict(dict)
    for path, array in outputs.items():
        parent = _parent(path)
        tables[parent if parent in joint else path][path] = array if array.ndim else array.reshape(1)
    return dict(tables)


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _count(table: Outputs) -> int:
    return len(next(iter(table.values())))


def _unmatched(wanted: Outputs, found: Outputs, tolerance: float) -> tuple[list[int], list[int]]:
    """The rows of either table without a partner in the other; each row is the partner of at most one."""
    free = np.ones(_count(found), dtype=np.bool_)
    limits = {path: tolerance * _scale(column) for path, column in wanted.items()}
    columns = sorted(wanted, key=lambda path: wanted[path][:1].size)  # narrow ones leave few rows for wide ones
    lost = []
    for row in range(_count(wanted)):
        candidates = np.flatnonzero(free)
        for path in columns:
            near = _near(wanted[path][row], found[path][candidates], limits[path])
            candidates = candidates[near]
        if len(candidates):
            free[candidates[np.abs(candidates - row).argmin()]] = False
        else:
            lost.append(row)
    return lost, np.flatnonzero(free).tolist()


def _near(element: NDArray[Any], others: NDArray[Any], limit: float) -> NDArray[np.bool_]:
    """For each of the others, whether it is the same but for rounding."""
    if others.shape[1:] != element.shape:
        return np.zeros(len(others), dtype=np.bool_)
    same: NDArray[np.bool_] = np.equal(others, element)
    if np.issubdtype(others.dtype, np.inexact):
        wide = np.result_type(others.dtype, np.float64)
        with np.errstate(invalid="ignore"):  # of infinities, which are equal or not
            near = np.less_equal(np.abs(others.astype(wide) - element.astype(wide)), limit)
        same |= near | (np.isnan(others) & np.isnan(element))
    return np.asarray(same.reshape(len(others), element.size).all(1))


def _scale(column: NDArray[Any]) -> float:
    finite = column[np.isfinite(column)]
    return float(np.abs(finite).max()) if finite.size else 0.0
