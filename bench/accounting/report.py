"""What `bench.accounting` measured, as a page."""

from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import STYLES, Canvas, wanted
from bench.publishing.publish import Plot, Report

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
    cells: dict[Cell, list[Mapping[str, Any]]] = defaultdict(list)
    for row in data["rows"]:
        if row["outcome"] in ("offloaded", "edge_only"):
            cells[row["model"], row["uplink_bps"], row["load"], row["split"]].append(row)
    body = []
    worst: dict[str, float] = defaultdict(float)
    for (model, uplink_bps, load, split), rows in cells.items():
        shares = [abs(_missing(row)) for row in rows]
        worst[load] = max(worst[load], median(shares))
        body.append(
            {
                "model": model.partition(":")[2],
                "uplink": f"{uplink_bps / 1e6:g} Mbit/s",
                "load": load,
                "split": split,
                "frames": len(rows),
                "wall, ms": median(1000 * row["wall_s"] for row in rows),
                "missing, ms": median(1000 * (row["wall_s"] - _sum(row)) for row in rows),
                "missing, %": median(shares),
                "largest, %": max(shares),
            }
        )
    link = data["link"]
    note = f"Link: {link['kind']}, round trip {1000 * link['rtt_s']:g} ms, TCP {link['congestion']} at both ends."
    what = "sum of stages against wall time, {} load, worst cell's median"
    return Report(
        title="Accounting: do the stages add up to the wall time?",
        method=_METHOD,
        figures=[Figure(what.format(load), WANTED, worst[load], "%", why=_WHY) for load in sorted(worst, reverse=True)],
        body=[note, "", *table(body, texts=4)],
        plots=[Plot("missing", "Time that no stage accounts for, frame by frame.", lambda to: _draw(data, to))],
    )


def _sum(row: Mapping[str, Any]) -> float:
    return float(sum(row["times"].values()))


def _missing(row: Mapping[str, Any]) -> float:
    """Percent of the wall time."""
    return 100 * float(row["wall_s"] - _sum(row)) / float(row["wall_s"])


def _draw(data: Mapping[str, Any], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    for load, style in zip(("light", "heavy"), STYLES, strict=False):
        rows = [row for row in data["rows"] if row["load"] == load and row["outcome"] in ("offloaded", "edge_only")]
        walls = [1000 * row["wall_s"] for row in rows]
        axes.plot(walls, [_missing(row) for row in rows], **style.of_points, label=f"{load} load")
    wanted(axes, WANTED)
    axes.axhline(-WANTED, color="black", linewidth=1.0, linestyle="--")
    axes.set(xscale="log", xlabel="wall time of the frame (ms)", ylabel="not accounted for (% of wall time)")
    axes.legend()
