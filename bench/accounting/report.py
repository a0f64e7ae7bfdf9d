"""What `bench.accounting` measured, as a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.publishing.figures import Figure, digits, spread_of, table
from bench.publishing.plots import STYLES, drawing
from bench.publishing.publish import Plot, Report

__all__ = ["report"]

WANTED = 5.0

_METHOD = (
    "Each frame's stages as the agent reports them (`StageTimes`) are added up and set against the wall time from the "
    "call of `put` to the result in the caller's hands, taken outside the agent. What is missing is time that no stage "
    "accounts for: the copy of the input, steps of the event loop, and a result that waits for the one before it. "
    "Light: one frame at a time. Heavy: 40 frames a second, more than can be processed; dropped frames are not "
    "counted. Unaccounted time in percent of the wall time: the median over the frames, and the largest. The transfer "
    "is what is left of the time between sending and answer without round trip and server; whether it is as long as "
    "the link makes it, the prediction benchmark asks."
)
_WHY = "time that no stage reports; the table says where"

Cell = tuple[str, float, str, str]


def report(data: Mapping[str, Any]) -> Report:
    """Returns the page's contents."""
    cells: dict[Cell, list[Mapping[str, Any]]] = defaultdict(list)
    for row in data["rows"]:
        if row["outcome"] in ("offloaded", "edge_only"):
            cells[row["model"], row["uplink_bps"], row["load"], row["split"]].append(row)
    body = []
    worst: dict[str, tuple[float, float]] = {}
    for (model, uplink_bps, load, split), rows in cells.items():
        share = spread_of(abs(_missing(row)) for row in rows)
        missing_ms = spread_of(1000 * (row["wall_s"] - _sum(row)) for row in rows)
        wall_ms = spread_of(1000 * row["wall_s"] for row in rows)
        worst[load] = max(worst.get(load, (0.0, 0.0)), (share.median, share.high))
        body.append(
            (
                model.partition(":")[2],
                f"{uplink_bps / 1e6:g} Mbit/s",
                load,
                split,
                str(share.runs),
                digits(wall_ms.median),
                digits(missing_ms.median),
                digits(share.median),
                digits(share.high),
            )
        )
    head = ("model", "uplink", "load", "split", "frames", "wall, ms", "missing, ms", "missing, %", "largest, %")
    link = data["link"]
    note = f"Link: {link['kind']}, round trip {1000 * link['rtt_s']:g} ms, TCP {link['congestion']} at both ends."
    figures = [
        Figure(
            f"sum of stages against wall time, {load} load, worst cell's median", WANTED, worst[load][0], "%", why=_WHY
        )
        for load in sorted(worst, reverse=True)
    ]
    return Report(
        title="Accounting: do the stages add up to the wall time?",
        method=_METHOD,
        figures=figures,
        body=[note, "", *table(head, body, texts=4)],
        plots=[Plot("missing", "Time that no stage accounts for, frame by frame.", lambda path: _draw(data, path))],
    )


def _sum(row: Mapping[str, Any]) -> float:
    return float(sum(row["times"].values()))


def _missing(row: Mapping[str, Any]) -> float:
    """Percent of the wall time."""
    return 100 * float(row["wall_s"] - _sum(row)) / float(row["wall_s"])


def _draw(data: Mapping[str, Any], path: Path) -> None:
    with drawing(path) as figure:
        axes = figure.add_subplot()
        for load, style in zip(("light", "heavy"), STYLES, strict=False):
            rows = [row for row in data["rows"] if row["load"] == load and row["outcome"] in ("offloaded", "edge_only")]
            walls = [1000 * row["wall_s"] for row in rows]
            axes.plot(walls, [_missing(row) for row in rows], **style.of_points, label=f"{load} load")
        axes.axhline(WANTED, color="black", linewidth=1.0, linestyle="--", label="wanted: at most")
        axes.axhline(-WANTED, color="black", linewidth=1.0, linestyle="--")
        axes.set(xscale="log", xlabel="wall time of the frame (ms)", ylabel="not accounted for (% of wall time)")
        axes.legend()
