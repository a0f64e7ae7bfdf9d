"""What `bench.idle_link` measured, as a page."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import STYLES, Canvas, wanted
from bench.publishing.publish import Plot, Report

# The bound on predictions: of the median error.
WANTED = 10.0
RATES_HZ = (0.1, 1.0, 5.0, 20.0)

_METHOD = (
    "Each frame is one tensor, sent whole, over a link that is idle between frames; nothing is computed. Predicted is "
    "the transfer that the agent predicted for the frame when it began, measured the one that came of it. Ready: what "
    "a frame takes from submission to result, over the time of a link that TCP would use at its full rate at once, a "
    "round trip included. Frames that come faster than the link carries them queue, and are in the table with the "
    "rate at which they were submitted."
)

Row = Mapping[str, Any]
Frames = list[Mapping[str, Any]]


def report(data: Mapping[str, Any]) -> Report:
    rows = data["rows"]
    return Report(
        title="Idle links: predicted against measured transfer",
        method=_METHOD,
        figures=[_figure(rows, rate_hz) for rate_hz in RATES_HZ],
        body=table([_cells(*group) for group in _groups(rows)], texts=2),
        plots=[
            Plot("rates", "Median error of the predicted transfer over the rate of frames.", lambda to: _draw(rows, to))
        ],
    )


def _cells(row: Row, rate_hz: float, frames: Frames) -> dict[str, Any]:
    errors = [100 * (frame["predicted_s"] / frame["measured_s"] - 1) for frame in frames]
    ready = median(frame["latency_s"] for frame in frames) / row["always_ready_s"]
    return {
        **dict(zip(("link", "TCP", "kB"), _link(row), strict=True)),
        "frames/s": f"{rate_hz:g}",
        "frames": len(frames),
        "measured, ms": 1000 * median(frame["measured_s"] for frame in frames),
        "predicted, ms": 1000 * median(frame["predicted_s"] for frame in frames),
        "signed, %": f"{median(errors):+.1f}",
        "median error, %": _median_error(frames),
        "largest, %": max(map(abs, errors)),
        "ready": f"{ready:.2f}",
        "estimate, Mbit/s": median(frame["uplink_bps"] for frame in frames) / 1e6,
    }


def _groups(rows: list[Row]) -> Iterator[tuple[Row, float, Frames]]:
    """Offloaded frames by link and rate."""
    for row in rows:
        for rate_hz in sorted({frame["rate_hz"] for frame in row["frames"]}):
            sent = [f for f in row["frames"] if f["rate_hz"] == rate_hz and f["outcome"] == "offloaded"]
            if sent:
                yield row, rate_hz, sent


def _link(row: Row) -> tuple[str, str, str]:
    where = f"{row['kind']}, {row['uplink_bps'] / 1e6:g} Mbit/s, {1000 * row['rtt_s']:g} ms"
    return where, row["congestion"], f"{row['bytes'] / 1000:g}"


def _median_error(frames: Frames) -> float:
    """Percent, of the amounts."""
    return median(100 * abs(float(frame["predicted_s"]) / float(frame["measured_s"]) - 1) for frame in frames)


def _figure(rows: list[Row], rate_hz: float) -> Figure:
    """The worst link decides."""
    found = [(_median_error(frames), row) for row, rate, frames in _groups(rows) if rate == rate_hz]
    what = f"median error of the transfer at {rate_hz:g} frames/s, worst link"
    if not found:
        return Figure(what, WANTED, None, "%", why="no frame was offloaded")
    error, row = max(found, key=lambda pair: pair[0])
    return Figure(what, WANTED, error, "%", why=", ".join(_link(row)) + " kB")


def _draw(rows: list[Row], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    links = list(dict.fromkeys((row["uplink_bps"], row["congestion"]) for row in rows))
    for (uplink_bps, congestion), style in zip(links, STYLES, strict=False):
        found = [
            (rate_hz, _median_error(frames))
            for row, rate_hz, frames in _groups(rows)
            if (row["uplink_bps"], row["congestion"]) == (uplink_bps, congestion)
        ]
        axes.plot(*zip(*found, strict=True), **style.of_points, label=f"{uplink_bps / 1e6:g} Mbit/s, {congestion}")
    wanted(axes, WANTED)
    axes.set(xscale="log", xlabel="frames per second", ylabel="median error of the transfer (%)", ylim=(0, None))
    axes.legend(fontsize=8)
