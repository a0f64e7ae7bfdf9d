"""What `bench.split_compute` measured, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, digits, table
from bench.publishing.plots import STYLES, drawing
from bench.publishing.publish import Plot, Report

__all__ = ["report"]

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
    """Returns the page's contents."""
    rows = data["splits"]
    ratios = {(row["model"], row["split"]): row["ratio"]["median"] for row in rows}
    worst = max(ratios, key=lambda key: ratios[key])
    above = sum(ratio > WANTED for ratio in ratios.values())
    body = ["## Head and tail against the eager model", "", *_split_table(rows), ""]
    body += [f"At most {WANTED}: {len(ratios) - above} of {len(ratios)}.", ""]
    body += ["## Adding up layers", "", _PREDICTED, "", *_prediction_table(data["predictions"]), ""]
    body += ["## Cold caches", "", _IDLE.format(idle_s=data["idle_s"]), "", *_idle_table(data["idle"])]
    why = "linear layers and convolutions without batch norm run the same kernels in both"
    return Report(
        title="Split compute: head and tail against the whole eager model",
        method=_METHOD,
        figures=[
            Figure(
                "head + tail over eager, median of models and splits", WANTED, median(ratios.values()), "x", why=why
            ),
            Figure(
                "head + tail over eager, worst model and split",
                WANTED,
                ratios[worst],
                "x",
                why=f"{_short(worst[0])}, {worst[1]}; {above} of {len(ratios)} are above: {why}",
            ),
        ],
        body=body,
        plots=[Plot("ratios", "Head and tail over the eager model, for three splits.", lambda path: _draw(rows, path))],
    )


def _short(model: str) -> str:
    return model.partition(":")[2]


def _ratio(found: Mapping[str, float]) -> str:
    return f"{found['median']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _split_table(rows: Sequence[Row]) -> list[str]:
    head = ("model", "split", "layers on the edge", "eager, ms", "split, ms", "ratio", "of processor time")
    cells = [
        (
            _short(row["model"]),
            row["split"],
            f"{row['edge_layers']} of {row['layers']}",
            digits(1000 * row["eager_s"]),
            digits(1000 * row["split_s"]),
            _ratio(row["ratio"]),
            _ratio(row["cpu_ratio"]),
        )
        for row in rows
    ]
    return table(head, cells, texts=2)


def _prediction_table(rows: Sequence[Row]) -> list[str]:
    cells = []
    for model in dict.fromkeys(row["model"] for row in rows):
        found = [row for row in rows if row["model"] == model]
        errors = [100 * abs(_predicted_s(row) / _measured_s(row) - 1) for row in found]
        heads = [100 * (row["head_s"] / row["head_predicted_s"] - 1) for row in found if row["head_predicted_s"]]
        cells.append(
            (
                _short(model),
                str(len(found)),
                digits(median(errors)),
                digits(max(errors)),
                f"{median(heads):+.1f}" if heads else "",
            )
        )
    return table(("model", "splits", "median error, %", "largest, %", "heads, signed, %"), cells)


def _predicted_s(row: Row) -> float:
    return float(row["head_predicted_s"] + row["tail_predicted_s"])


def _measured_s(row: Row) -> float:
    return float(row["head_s"] + row["tail_s"])


def _idle_table(rows: Sequence[Row]) -> list[str]:
    cells = [(_short(row["model"]), digits(1000 * row["busy_s"]), _ratio(row["ratio"])) for row in rows]
    return table(("model", "busy, ms", "after idleness, times as long"), cells)


def _draw(rows: Sequence[Row], path: Path) -> None:
    models = list(dict.fromkeys(row["model"] for row in rows))
    with drawing(path) as figure:
        axes = figure.add_subplot()
        for place, (split, style) in enumerate(zip(SPLITS, STYLES, strict=False)):
            heights = [
                next(r["ratio"]["median"] for r in rows if (r["model"], r["split"]) == (m, split)) for m in models
            ]
            axes.bar([i + 0.25 * place for i in range(len(models))], heights, 0.22, label=split, **style.of_bar)
        axes.axhline(WANTED, color="black", linewidth=1.0, linestyle="--", label="wanted: at most")
        axes.set(ylabel="head + tail over eager")
        axes.set_xticks([i + 0.25 for i in range(len(models))])
        axes.set_xticklabels([_short(model) for model in models], rotation=30, ha="right", fontsize=8)
        axes.legend(ncols=4, fontsize=8, loc="lower right")
