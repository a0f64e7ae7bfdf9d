"""What `bench.split_compute` measured, as a page."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import Canvas, bars, wanted
from bench.publishing.publish import Plot, Report

WANTED = 0.85
SPLITS = ("cloud-only", "middle", "edge-only")

_METHOD = (
    "One torch thread, one process. The original module in inference mode (eager) and three splits of the model, head "
    "and tail with the arrays between them, take turns; a ratio is the median of pairs, with the quartiles in "
    "brackets. Ratios of processor time are those of the thread alone: on a busy machine they still tell."
)
_PREDICTED = (
    "What a profile predicts of head and tail together, at random splits, against what they take back to back in the "
    "same thread (processor time): median and largest amount of the error in percent, and the head's own median error "
    "with its sign. No link and no other process: what is left is the error of adding up layers."
)
_IDLE = "The whole after {idle_s:g} s of sleep, over a run right after another (processor time)."

Row = Mapping[str, Any]


def report(data: Mapping[str, Any]) -> Report:
    rows = data["splits"]
    ratios = {(row["model"], row["split"]): row["ratio"]["median"] for row in rows}
    worst = max(ratios, key=lambda key: ratios[key])
    above = sum(ratio > WANTED for ratio in ratios.values())
    body = ["## Head and tail against the eager model", "", *_split_table(rows), ""]
    body += [f"At most {WANTED}: {len(ratios) - above} of {len(ratios)}.", ""]
    body += ["## Adding up layers", "", _PREDICTED, "", *_prediction_table(data["predictions"]), ""]
    body += ["## Cold caches", "", _IDLE.format(idle_s=data["idle_s"]), "", *_idle_table(data["idle"])]
    why = "linear layers and convolutions without batch norm run the same kernels in both"
    where = f"{_short(worst[0])}, {worst[1]}; {above} of {len(ratios)} are above: {why}"
    what = "head + tail over eager"
    return Report(
        title="Split compute: head and tail against the whole eager model",
        method=_METHOD,
        figures=[
            Figure(f"{what}, median of models and splits", WANTED, median(ratios.values()), "x", why=why),
            Figure(f"{what}, worst model and split", WANTED, ratios[worst], "x", why=where),
        ],
        body=body,
        plots=[Plot("ratios", "Head and tail over the eager model, for three splits.", lambda to: _draw(rows, to))],
    )


def _short(model: str) -> str:
    return model.partition(":")[2]


def _ratio(found: Mapping[str, float]) -> str:
    return f"{found['median']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _split_table(rows: Sequence[Row]) -> list[str]:
    cells = [
        {
            "model": _short(row["model"]),
            "split": row["split"],
            "layers on the edge": f"{row['edge_layers']} of {row['layers']}",
            "eager, ms": 1000 * row["eager_s"],
            "split, ms": 1000 * row["split_s"],
            "ratio": _ratio(row["ratio"]),
            "of processor time": _ratio(row["cpu_ratio"]),
        }
        for row in rows
    ]
    return table(cells, texts=2)


def _prediction_table(rows: Sequence[Row]) -> list[str]:
    cells = []
    for model in dict.fromkeys(row["model"] for row in rows):
        found = [row for row in rows if row["model"] == model]
        errors = [100 * abs(_predicted_s(row) / _measured_s(row) - 1) for row in found]
        heads = [100 * (row["head_s"] / row["head_predicted_s"] - 1) for row in found if row["head_predicted_s"]]
        cells.append(
            {
                "model": _short(model),
                "splits": len(found),
                "median error, %": median(errors),
                "largest, %": max(errors),
                "heads, signed, %": f"{median(heads):+.1f}" if heads else "",
            }
        )
    return table(cells)


def _predicted_s(row: Row) -> float:
    return float(row["head_predicted_s"] + row["tail_predicted_s"])


def _measured_s(row: Row) -> float:
    return float(row["head_s"] + row["tail_s"])


def _idle_table(rows: Sequence[Row]) -> list[str]:
    return table(
        {
            "model": _short(row["model"]),
            "busy, ms": 1000 * row["busy_s"],
            "after idleness, times as long": _ratio(row["ratio"]),
        }
        for row in rows
    )


def _draw(rows: Sequence[Row], canvas: Canvas) -> None:
    ratios = {(row["model"], row["split"]): row["ratio"]["median"] for row in rows}
    models = list(dict.fromkeys(row["model"] for row in rows))
    axes = canvas.add_subplot()
    heights = {split: [ratios[model, split] for model in models] for split in SPLITS}
    bars(axes, list(map(_short, models)), heights, pitch=0.25, width=0.22)
    wanted(axes, WANTED)
    axes.set(ylabel="head + tail over eager")
    for label in axes.get_xticklabels():
        label.set(rotation=30, ha="right", fontsize=8)
    axes.legend(ncols=4, fontsize=8, loc="lower right")
