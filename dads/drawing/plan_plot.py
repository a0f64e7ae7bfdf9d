"""A plan as a picture: latency and throughput against the uplink."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from dads import units
from dads.errors import InvalidUsageError

if TYPE_CHECKING:  # an optional dependency
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dads.planning.alternatives import Curves
    from partitioner import Link

SUFFIXES = (".svg", ".png")

# Each way of splitting has its own dashes and width besides its colour (Okabe and Ito's, which colour-blind readers can
# distinguish). DSL and DSH are drawn last, over the curves that they coincide with.
_STYLES = (
    {"color": "#555555", "linestyle": (0, (1, 1.5)), "linewidth": 2.6},
    {"color": "#0072b2", "linestyle": (0, (7, 3)), "linewidth": 2.6},
    {"color": "#d55e00", "linestyle": "-", "linewidth": 1.6},
    {"color": "#007a53", "linestyle": (0, (8, 2, 1.5, 2)), "linewidth": 1.6},
)


def check_plot_file(path: Path) -> None:
    """Check that a picture can be written, before the work that makes it.

    Raises:
        InvalidUsageError: the file's ending is neither .svg nor .png, or matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidUsageError(f"--plot {path}: the file must end in {' or '.join(SUFFIXES)}")
    try:
        import matplotlib  # noqa: F401, ICN001, PLC0415 # optional, and slow to import
    except ImportError as error:
        raise InvalidUsageError(
            "--plot needs matplotlib, which the extra `plot` installs: pip install 'dads[plot]'"
        ) from error


def plot_curves(curves: Curves, link: Link, title: str, path: Path) -> None:
    """Draw curves as an SVG or PNG file.

    Args:
        curves: Latency and throughput over uplinks.
        link: The link of the plan; its uplink is marked if it is in the range.
        title: Title of the picture.
        path: The file to write; its suffix gives the format.
    """
    import matplotlib as mpl  # noqa: PLC0415 # optional, and slow to import

    # Text stays text, so that it can be searched and the file is small; a fixed salt makes equal pictures equal files.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dads", "font.size": 10}):
        figure = figure_of(curves, link, title)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, dpi=150, metadata=metadata, facecolor="white")


def figure_of(curves: Curves, link: Link, title: str) -> Figure:
    """Return the picture: latency above, throughput below, over the same logarithmic axis of the uplink."""
    from matplotlib.figure import Figure  # noqa: PLC0415 # optional, and slow to import

    figure = Figure(figsize=(7.2, 8.0), layout="constrained")
    latency, throughput = figure.subplots(2, 1, sharex=True)
    uplink_mbps = [rate_bps / 1e6 for rate_bps in curves.uplink_bps]
    for curve, style in zip(curves.curves, _STYLES, strict=True):
        latency.plot(uplink_mbps, [1e3 * _drawable(seconds) for seconds in curve.latency_s], label=curve.name, **style)
        throughput.plot(uplink_mbps, [_drawable(rate_hz) for rate_hz in curve.throughput_hz], **style)
    latency.set_ylabel("latency (ms)")
    throughput.set_ylabel("throughput (frames/s)")
    throughput.set_xlabel("uplink (Mbit/s)")
    for axes in (latency, throughput):
        _finish(axes, uplink_mbps, link.uplink_bps / 1e6)
    figure.suptitle(title)
    latency.legend(loc="best", handlelength=4)
    return figure


def _finish(axes: Axes, uplink_mbps: list[float], planned_mbps: float) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 # optional, and slow to import

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(uplink_mbps[0], uplink_mbps[-1])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))  # the default may show one number or none
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(NullFormatter())  # the default writes powers of ten between the numbers
    axes.grid(visible=True, which="major", color="#cccccc", linewidth=0.6)
    if uplink_mbps[0] <= planned_mbps <= uplink_mbps[-1]:
        axes.axvline(planned_mbps, color="black", linewidth=0.8)
        axes.annotate(
            units.format_rate(planned_mbps * 1e6), (planned_mbps, 0.02), xycoords=("data", "axes fraction"),
            xytext=(4, 0), textcoords="offset points", fontsize=8,
        )  # fmt: skip


def _drawable(number: float) -> float:
    """Return NaN, a gap in the curve, for a throughput without limit, and for a split that cannot be sent."""
    return number if 0.0 < number < math.inf else math.nan
