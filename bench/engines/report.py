"""What `bench.engines` measured, as a page."""

from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.plots import Canvas, bars
from bench.publishing.publish import Plot, Report, from_text

OVER_WHOLE, OVER_TODAY, NEVER_OVER_TODAY, PREDICTED, DEVIATION = 1.10, 0.62, 1.05, 10.0, 1e-5
# The networks that weak machines run.
LIGHT = ("efficientnet_lite0", "mobilenet_v3_large", "shufflenet_v2_x1_0")
# A side that takes less of the whole is left out of the errors of predictions: it is as good as nothing.
LEAST_SIDE = 0.05

Cuts = dict[str, list[Row]]


def report(data: Row) -> Report:
    wholes = {row["model"]: row for row in data["wholes"]}
    cuts = {model: rows for (model,), rows in grouped(data["cuts"], "model").items()}
    chosen = {model: [row for row in rows if row["chosen"]] for model, rows in cuts.items()}
    text = {
        "wholes": table(_whole(row, chosen[model]) for model, row in wholes.items()),
        "cuts": table(_of_cuts(wholes[model], rows) for model, rows in chosen.items()),
        "predictions": table(_predictions(model, rows) for model, rows in cuts.items()),
    }
    plot = Plot("ratios", "Processor time over the eager module's.", partial(_draw, wholes, chosen))
    return from_text(
        __file__,
        list(_figures(wholes, cuts, chosen)),
        [plot],
        rounds=data["rounds"],
        least=f"{LEAST_SIDE:.0%}",
        in_torch=_in_torch(wholes),
        **text,
    )


def _figures(wholes: dict[str, Row], cuts: Cuts, chosen: Cuts) -> list[Figure]:
    over = {model: median(_ratios(rows, "over_onnxruntime")) for model, rows in chosen.items()}
    worst = max(over, key=lambda model: over[model])
    what = "head + tail over ONNX Runtime's whole model, median of a model's cuts"
    figures = [Figure(f"{what}, worst model", OVER_WHOLE, over[worst], "x", why=worst)]
    for model in LIGHT:
        today = median(_ratios(chosen[model], "over_today")) if model in chosen else None
        if today is not None:
            figures.append(Figure(f"head + tail over today's in torch, {model}", OVER_TODAY, today, "x"))
    slowest = {
        model: max(_ratios(rows, "over_today"))
        for model, rows in chosen.items()
        if wholes[model]["auto"]["engine"] == "onnx"
    }
    last = max(slowest, key=lambda model: slowest[model], default="")
    what = "head + tail over today's in torch, worst cut of those that auto runs in onnx"
    figures.append(Figure(what, NEVER_OVER_TODAY, slowest.get(last), "x", why=last))
    errors = {model: median(_errors(rows)) for model, rows in cuts.items()}
    worst = max(errors, key=lambda model: errors[model])
    figures.append(Figure("error of a predicted head or tail, median, worst model", PREDICTED, errors[worst], "%"))
    off = max(row["deviation"] for rows in cuts.values() for row in rows)
    mixed = max(row["mixed_deviation"] for rows in cuts.values() for row in rows)
    figures.append(Figure("largest deviation from the module, of an output's scale", DEVIATION, off))
    figures.append(Figure("the same with one side in torch", DEVIATION, mixed))
    return figures


def _ratios(rows: list[Row], name: str) -> list[float]:
    return [row[name]["median"] for row in rows]


def _errors(rows: list[Row]) -> list[float]:
    """Percent, measured against predicted, of each side that takes long enough to matter."""
    found = []
    for row in rows:
        whole_s = row["whole_s"]
        head_s = whole_s * row["head_profile_s"] / row["whole_profile_s"]
        sides = ((head_s, row["head_s"]), (whole_s - head_s, row["tail_s"]))
        found += [100 * abs(told / took - 1) for told, took in sides if took > LEAST_SIDE * whole_s]
    return found


def _whole(row: Row, cuts: list[Row]) -> dict[str, Any]:
    there = row["onnxruntime"]["median"]
    ours = [there * over for over in _ratios(cuts, "over_onnxruntime")]
    openvino = row.get("openvino")
    return {
        "model": row["model"],
        "eager, ms": 1000 * row["eager_s"],
        "today's in torch": _spread(row["torch"]),
        "head + tail": f"{median(ours):.2f} ({min(ours):.2f} to {max(ours):.2f})",
        "ONNX Runtime": _spread(row["onnxruntime"]),
        "OpenVINO": "not installed" if openvino is None else _spread(openvino),
        "auto takes": row["auto"]["engine"],
    }


def _of_cuts(whole: Row, rows: list[Row]) -> dict[str, Any]:
    over, today = _ratios(rows, "over_onnxruntime"), _ratios(rows, "over_today")
    return {
        "model": whole["model"],
        "cuts": f"{len(rows)} of {whole['ever_chosen']}",
        "over ONNX Runtime's whole": f"{median(over):.3f} ({min(over):.3f} to {max(over):.3f})",
        "over today's": f"{median(today):.3f} ({min(today):.3f} to {max(today):.3f})",
        "deviation": f"{max(row['deviation'] for row in rows):.0e}",
        "one side in torch": f"{max(row['mixed_deviation'] for row in rows):.0e}",
    }


def _predictions(model: str, rows: list[Row]) -> dict[str, Any]:
    errors = _errors(rows)
    return {"model": model, "cuts": len(rows), "median error, %": median(errors), "largest, %": max(errors)}


def _spread(found: Row) -> str:
    return f"{found['median']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _in_torch(wholes: dict[str, Row]) -> str:
    """A sentence on the models that `auto` leaves with torch."""
    told = [f"{model} ({row['auto']['why']})" for model, row in wholes.items() if row["auto"]["engine"] == "torch"]
    return f"Auto leaves with torch: {'; '.join(told)}." if told else "Auto takes `onnx` for each of them."


def _draw(wholes: dict[str, Row], cuts: Cuts, canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    models = list(wholes)
    there = {model: wholes[model]["onnxruntime"]["median"] for model in models}
    heights: dict[str, list[float | None]] = {
        "today's in torch": [wholes[model]["torch"]["median"] for model in models],
        "head + tail": [there[model] * median(_ratios(cuts[model], "over_onnxruntime")) for model in models],
        "ONNX Runtime": list(there.values()),
        "OpenVINO": [wholes[model].get("openvino", {}).get("median") for model in models],
    }
    bars(axes, models, heights)
    axes.set(ylabel="processor time over eager", ylim=(0.0, None))
    for label in axes.get_xticklabels():
        label.set(rotation=30, ha="right", fontsize=8)
    axes.legend(ncols=4, fontsize=8, loc="upper left")
