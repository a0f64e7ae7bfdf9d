"""What `bench.idle_link` measured, as a page."""

from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.plots import STYLES, Canvas, wanted
from bench.publishing.publish import Plot, Report, from_text

# The bound on predictions: of the median error.
WANTED = 10.0
RATES_HZ = (0.1, 1.0, 5.0, 20.0)

# Frames that were offloaded over one link at one rate.
Group = tuple[Row, float, list[Row]]


def report(data: Row) -> Report:
    groups = [
        (row, rate_hz, frames)
        for row in data["rows"]
        for (rate_hz, outcome), frames in sorted(grouped(row["frames"], "rate_hz", "outcome").items())
        if outcome == "offloaded"
    ]
    caption = "Median error of the predicted transfer over the rate of frames."
    return from_text(
        __file__,
        [_figure(groups, rate_hz) for rate_hz in RATES_HZ],
        [Plot("rates", caption, partial(_draw, groups))],
        links=table([_cells(*group) for group in groups], texts=2),
    )


def _figure(groups: list[Group], rate_hz: float) -> Figure:
    """The worst link decides."""
    found = [(_median_error(frames), row) for row, rate, frames in groups if rate == rate_hz]
    what = f"median error of the transfer at {rate_hz:g} frames/s, worst link"
    if not found:
        return Figure(what, WANTED, None, "%", why="no frame was offloaded")
    error, row = max(found, key=lambda pair: pair[0])
    return Figure(what, WANTED, error, "%", why=", ".join(_link(row).values()) + " kB")


def _link(row: Row) -> dict[str, str]:
    where = f"{row['kind']}, {row['uplink_bps'] / 1e6:g} Mbit/s, {1000 * row['rtt_s']:g} ms"
    return {"link": where, "TCP": row["congestion"], "kB": f"{row['bytes'] / 1000:g}"}


def _errors(frames: list[Row]) -> list[float]:
    return [100 * (frame["predicted_s"] / frame["measured_s"] - 1) for frame in frames]


def _median_error(frames: list[Row]) -> float:
    """Percent, of the amounts."""
    return median(map(abs, _errors(frames)))


def _cells(row: Row, rate_hz: float, frames: list[Row]) -> dict[str, Any]:
    medians = {
        name: median(frame[name] for frame in frames) for name in frames[0] if name not in ("rate_hz", "outcome")
    }
    return {
        **_link(row),
        "frames/s": f"{rate_hz:g}",
        "frames": len(frames),
        "measured, ms": 1000 * medians["measured_s"],
        "predicted, ms": 1000 * medians["predicted_s"],
        "signed, %": f"{median(_errors(frames)):+.1f}",
        "median error, %": _median_error(frames),
        "largest, %": max(map(abs, _errors(frames))),
        "ready": f"{medians['latency_s'] / row['always_ready_s']:.2f}",
        "estimate, Mbit/s": medians["uplink_bps"] / 1e6,
    }


def _draw(groups: list[Group], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    of_link = grouped(
        [{**row, "at": (rate_hz, _median_error(frames))} for row, rate_hz, frames in groups], "uplink_bps", "congestion"
    )
    for ((uplink_bps, congestion), found), style in zip(of_link.items(), STYLES, strict=False):
        points = zip(*(row["at"] for row in found), strict=True)
        axes.plot(*points, **style.of_points, label=f"{uplink_bps / 1e6:g} Mbit/s, {congestion}")
    wanted(axes, WANTED)
    axes.set(xscale="log", xlabel="frames per second", ylabel="median error of the transfer (%)", ylim=(0, None))
    axes.legend(fontsize=8)
