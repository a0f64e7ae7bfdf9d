"""Places the boxes of a drawing: in rows from top to bottom, with few crossings and straight lines where possible.

The layered method: each box is one row below the lowest box that it reads; an arrow over several rows has a bend in
each row between; rows are sorted so that boxes are below those that they read; then each box moves as close to its
neighbours' median as its row allows.

Reference: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System Structures", IEEE
Transactions on Systems, Man, and Cybernetics 11 (1981), doi:10.1109/TSMC.1981.4308636.
"""

from bisect import bisect_right, insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean, median

_SORTING_SWEEPS = 12
_MOVING_SWEEPS = 24
_BEND_WIDTH = 14.0


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the page, in pixels from its top left corner."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing's geometry, in pixels.

    Attributes:
        centres: Centre of each box.
        routes: Points of each arrow, from the source's lower side through its bends to the target's upper side.
        width: Width of the drawing.
        height: Height of the drawing.
    """

    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def layered(
    widths: Sequence[float],
    arrows: Sequence[tuple[int, int]],
    *,
    box_height: float,
    gap_x: float = 24.0,
    gap_y: float = 30.0,
    labelled: Collection[int] = (),
    label_gap_y: float = 46.0,
) -> Layout:
    """Lays out boxes and arrows.

    Args:
        widths: Width of each box, in pixels; at least one box.
        arrows: Pairs of box positions, the first smaller than the second.
        box_height: Height of every box, in pixels.
        gap_x: Gap between boxes of a row.
        gap_y: Gap between rows.
        labelled: Positions of the arrows with a label, below the row of their source.
        label_gap_y: Gap between rows with a label between them.

    Complexity: O((boxes + arrows) rows) in the worst case, an arrow over all rows; near linear for models.
    """
    rows = _Rows(widths, arrows)
    rows.sort()
    x = rows.place(gap_x)
    gaps = [gap_y] * len(rows.members)
    for i in labelled:
        gaps[rows.row[arrows[i][0]]] = label_gap_y
    tops = [0.0, *accumulate(box_height + gap for gap in gaps)]
    centres = [Point(x[v], tops[row] + box_height / 2) for v, row in enumerate(rows.row)]
    routes = tuple(_route([centres[v] for v in way], box_height) for way in rows.ways)
    right = [x[v] + widths[v] / 2 for v in range(len(widths))]
    right += [point.x + _BEND_WIDTH / 2 for route in routes for point in route]
    return Layout(tuple(centres[: len(widths)]), routes, max(right), tops[-1] - gaps[-1])


def _route(way: list[Point], box_height: float) -> tuple[Point, ...]:
    """Returns the points of an arrow, which runs straight down through the rows that it passes."""
    half = box_height / 2
    first, *between, last = way
    bends = [Point(point.x, point.y + shift) for point in between for shift in (-half, half)]
    return (Point(first.x, first.y + half), *bends, Point(last.x, last.y - half))


class _Rows:
    """Boxes and bends (numbered after the boxes) in their rows."""

    def __init__(self, widths: Sequence[float], arrows: Sequence[tuple[int, int]]) -> None:
        self.row = _row_of_each(len(widths), arrows)
        self._widths = [*widths]
        self.ways: list[list[int]] = []
        for source, target in arrows:
            bends = range(len(self.row), len(self.row) + self.row[target] - self.row[source] - 1)
            self.ways.append([source, *bends, target])
            self.row += range(self.row[source] + 1, self.row[target])
            self._widths += [_BEND_WIDTH] * len(bends)
        self._above: list[list[int]] = [[] for _ in self.row]
        self._below: list[list[int]] = [[] for _ in self.row]
        for way in self.ways:
            for upper, lower in pairwise(way):
                self._above[lower].append(upper)
                self._below[upper].append(lower)
        self.members: list[list[int]] = [[] for _ in range(max(self.row) + 1)]
        for v, row in enumerate(self.row):
            self.members[row].append(v)

    def sort(self) -> None:
        """Sorts each row by the middle of its neighbours above or below; keeps the order with fewest crossings."""
        best, fewest = [row[:] for row in self.members], self._crossings()
        for sweep in range(_SORTING_SWEEPS):
            downwards = sweep % 2 == 0
            neighbours = self._above if downwards else self._below
            order = {v: float(i) for row in self.members for i, v in enumerate(row)}
            for row in self.members if downwards else self.members[::-1]:
                middle = {v: fmean(order[u] for u in neighbours[v]) if neighbours[v] else order[v] for v in row}
                row.sort(key=middle.__getitem__)
                order.update((v, float(i)) for i, v in enumerate(row))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [row[:] for row in self.members], crossings
            if fewest == 0:
                break
        self.members = best

    def _crossings(self) -> int:
        order = {v: i for row in self.members for i, v in enumerate(row)}
        total = 0
        for row in self.members:
            ends: list[int] = []
            for v in row:
                below = [order[u] for u in self._below[v]]
                total += sum(len(ends) - bisect_right(ends, end) for end in below)
                for end in below:
                    insort(ends, end)
        return total

    def place(self, gap: float) -> list[float]:
        """Returns the x of the centre of each box and bend; the leftmost box begins at 0."""
        x = [0.0] * len(self.row)
        for row in self.members:
            self._settle(row, dict.fromkeys(row, 0.0), gap, x)
        for sweep in range(_MOVING_SWEEPS):
            downwards = sweep % 2 == 0
            neighbours, others = (self._above, self._below) if downwards else (self._below, self._above)
            for row in self.members if downwards else self.members[::-1]:
                wanted = {v: median([x[u] for u in neighbours[v] or others[v] or [v]]) for v in row}
                self._settle(row, wanted, gap, x)
        left = min(x[v] - self._widths[v] / 2 for v in range(len(x)))
        return [value - left for value in x]

    def _settle(self, row: Sequence[int], wanted: dict[int, float], gap: float, x: list[float]) -> None:
        """Places a row as close to the wanted places as order and gaps allow (least squares, by pooling neighbours)."""
        offset, offsets = 0.0, {}
        for i, v in enumerate(row):
            if i:
                offset += (self._widths[row[i - 1]] + self._widths[v]) / 2 + gap
            offsets[v] = offset
        # Each pool moves as one: its mean place less its offsets, and its size.
        pools: list[tuple[float, list[int]]] = []
        for v in row:
            mean, members = wanted[v] - offsets[v], [v]
            while pools and pools[-1][0] > mean:
                before, others = pools.pop()
                mean = (before * len(others) + mean * len(members)) / (len(others) + len(members))
                members = others + members
            pools.append((mean, members))
        for mean, members in pools:
            for v in members:
                x[v] = mean + offsets[v]


def _row_of_each(boxes: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    row = [0] * boxes
    for source, target in sorted(arrows, key=lambda arrow: arrow[1]):
        row[target] = max(row[target], row[source] + 1)
    return row
