"""What `bench.split_compute` measured, as a page."""

from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.plots import Canvas, bars, wanted
from bench.publishing.publish import Plot, Report, from_text

WANTED = 0.85
SPLITS = ("cloud-only", "middle", "edge-only")

Ratios = dict[tuple[str, str], float]


def report(data: Row) -> Report:
    ratios = {(_short(row), row["split"]): row["ratio"]["median"] for row in data["splits"]}
    worst = max(ratios, key=lambda key: ratios[key])
    above = sum(ratio > WANTED for ratio in ratios.values())
    why = "linear layers and convolutions without batch norm run the same kernels in both"
    where = f"{', '.join(worst)}; {above} of {len(ratios)} are above: {why}"
    what = "head + tail over eager"
    return from_text(
        __file__,
        [
            Figure(f"{what}, median of models and splits", WANTED, median(ratios.values()), "x", why=why),
            Figure(f"{what}, worst model and split", WANTED, ratios[worst], "x", why=where),
        ],
        [Plot("ratios", "Head and tail over the eager model, for three splits.", partial(_draw, ratios))],
        splits=table(map(_split, data["splits"]), texts=2),
        wanted=WANTED,
        within=len(ratios) - above,
        count=len(ratios),
        predictions=table(map(_prediction, grouped(data["predictions"], "model").values())),
        idle_s=data["idle_s"],
        idle=table(map(_idle, data["idle"])),
    )


def _short(row: Row) -> str:
    return str(row["model"].partition(":")[2])


def _ratio(found: Row) -> str:
    return f"{found['median']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _split(row: Row) -> dict[str, Any]:
    return {
        "model": _short(row),
        "split": row["split"],
        "layers on the edge": f"{row['edge_layers']} of {row['layers']}",
        "eager, ms": 1000 * row["eager_s"],
        "split, ms": 1000 * row["split_s"],
        "ratio": _ratio(row["ratio"]),
        "of processor time": _ratio(row["cpu_ratio"]),
    }


def _prediction(rows: list[Row]) -> dict[str, Any]:
    sums = [(row["head_s"] + row["tail_s"], row["head_predicted_s"] + row["tail_predicted_s"]) for row in rows]
    errors = [100 * abs(predicted_s / measured_s - 1) for measured_s, predicted_s in sums]
    heads = [100 * (row["head_s"] / row["head_predicted_s"] - 1) for row in rows if row["head_predicted_s"]]
    return {
        "model": _short(rows[0]),
        "splits": len(rows),
        "median error, %": median(errors),
        "largest, %": max(errors),
        "heads, signed, %": f"{median(heads):+.1f}" if heads else "",
    }


def _idle(row: Row) -> dict[str, Any]:
    ratio = _ratio(row["ratio"])
    return {"model": _short(row), "busy, ms": 1000 * row["busy_s"], "after idleness, times as long": ratio}


def _draw(ratios: Ratios, canvas: Canvas) -> None:
    models = list(dict.fromkeys(model for model, _ in ratios))
    axes = canvas.add_subplot()
    heights = {split: [ratios[model, split] for model in models] for split in SPLITS}
    bars(axes, models, heights, pitch=0.25, width=0.22)
    wanted(axes, WANTED)
    axes.set(ylabel="head + tail over eager")
    for label in axes.get_xticklabels():
        label.set(rotation=30, ha="right", fontsize=8)
    axes.legend(ncols=4, fontsize=8, loc="lower right")
