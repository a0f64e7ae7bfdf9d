"""The look of every plot: readable in print, and told apart without colour.

Each series has its own marker, line and hatch besides its colour (Okabe and Ito's, which the colour-blind tell apart).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # slow to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
else:
    Canvas = Any

__all__ = ["STYLES", "Canvas", "Style", "bars", "drawing", "wanted"]


@dataclass(frozen=True, slots=True)
class Style:
    """How one series looks: the arguments of `Axes.plot`, for a line or for points alone, and of `Axes.bar`."""

    color: str
    marker: str
    line: Any
    hatch: str

    @property
    def of_line(self) -> dict[str, Any]:
        return {"color": self.color, "marker": self.marker, "linestyle": self.line, "markersize": 5, "linewidth": 1.4}

    @property
    def of_points(self) -> dict[str, Any]:
        return {**self.of_line, "linestyle": "none", "markerfacecolor": "none"}

    @property
    def of_bar(self) -> dict[str, Any]:
        return {"facecolor": "white", "edgecolor": self.color, "hatch": self.hatch, "linewidth": 1.2}


STYLES = (
    Style("#d55e00", "o", "-", "////"),
    Style("#0072b2", "s", (0, (7, 3)), ""),
    Style("#007a53", "^", (0, (8, 2, 1.5, 2)), "...."),
    Style("#555555", "D", (0, (1, 1.5)), "xxxx"),
    Style("#aa4499", "v", (0, (3, 1, 1, 1)), "\\\\\\\\"),
    Style("#000000", "x", (0, (5, 1)), "++++"),
)


@contextmanager
def drawing(path: Path, *, width: float = 7.0, height: float = 3.6) -> Iterator[Canvas]:
    """A figure, written as SVG when the context ends; inches."""
    import matplotlib as mpl  # noqa: PLC0415 # slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415 # see above

    # Text as text, so that it can be searched and the file stays small; a fixed salt makes equal pictures equal files.
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "dads", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(path, format="svg", metadata={"Date": None})


def bars(
    axes: Axes,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    pitch: float = 0.0,
    width: float = 0.0,
) -> None:
    """Bars side by side in named groups, one of each series where it has a height; `pitch` of 1 is a group's width."""
    pitch = pitch or 0.8 / len(series)
    for place, ((name, heights), style) in enumerate(zip(series.items(), STYLES, strict=False)):
        there = [(i + pitch * place, height) for i, height in enumerate(heights) if height is not None]
        at, tall = zip(*there, strict=True) if there else ((), ())
        axes.bar(list(at), list(tall), width or 0.9 * pitch, label=name, **style.of_bar)
    axes.set_xticks([i + pitch * (len(series) - 1) / 2 for i in range(len(groups))])
    axes.set_xticklabels(groups)


def wanted(axes: Axes, bound: float) -> None:
    axes.axhline(bound, color="black", linewidth=1.0, linestyle="--", label="wanted: at most")
