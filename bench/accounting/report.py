"""What `bench.accounting` measured, as a page."""

from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.plots import STYLES, Canvas, wanted
from bench.publishing.publish import Plot, Report, from_text

WANTED = 5.0


def report(data: Row) -> Report:
    rows = [row for row in data["rows"] if row["outcome"] in ("offloaded", "edge_only")]
    groups = grouped(rows, "model", "uplink_bps", "load", "split")
    cells = [_cell(found, *key) for key, found in groups.items()]
    what, why = (
        "sum of stages against wall time, {} load, worst cell's median",
        "time that no stage reports; the table says where",
    )
    figures = [
        Figure(what.format(load), WANTED, max(cell["missing, %"] for cell in of_load), "%", why=why)
        for (load,), of_load in grouped(cells, "load").items()
    ]
    plots = [Plot("missing", "Time that no stage accounts for, frame by frame.", partial(_draw, rows))]
    link = data["link"]
    return from_text(__file__, figures, plots, link=link, rtt_ms=1000 * link["rtt_s"], cells=table(cells, texts=4))


def _cell(rows: list[Row], model: str, uplink_bps: float, load: str, split: str) -> dict[str, Any]:
    shares = [abs(_missing(row)) for row in rows]
    return {
        "model": model.partition(":")[2],
        "uplink": f"{uplink_bps / 1e6:g} Mbit/s",
        "load": load,
        "split": split,
        "frames": len(rows),
        "wall, ms": median(1000 * row["wall_s"] for row in rows),
        "missing, ms": median(1000 * (row["wall_s"] - sum(row["times"].values())) for row in rows),
        "missing, %": median(shares),
        "largest, %": max(shares),
    }


def _missing(row: Row) -> float:
    """Percent of the wall time."""
    return 100 * float(row["wall_s"] - sum(row["times"].values())) / float(row["wall_s"])


def _draw(rows: list[Row], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    for load, style in zip(("light", "heavy"), STYLES, strict=False):
        points = [(1000 * row["wall_s"], _missing(row)) for row in rows if row["load"] == load]
        axes.plot([at for at, _ in points], [share for _, share in points], **style.of_points, label=f"{load} load")
    wanted(axes, WANTED)
    axes.axhline(-WANTED, color="black", linewidth=1.0, linestyle="--")
    axes.set(xscale="log", xlabel="wall time of the frame (ms)", ylabel="not accounted for (% of wall time)")
    axes.legend()
