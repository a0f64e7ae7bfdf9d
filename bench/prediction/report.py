"""What `bench.prediction` measured, as a page."""

from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, digits, grouped, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report, from_text
from edge_service.output.report import percentile

WANTED = 10.0
# Of each model but AlexNet, which has fewer.
WANTED_SPLITS = 60
STAGES = ("head", "transfer", "fixed", "tail", "rest")

# By model, uplink, round trip and pace.
Groups = dict[tuple[Any, ...], list[Row]]


def report(data: Row) -> Report:
    rows = [
        row for row in data["rows"] if all(frame["outcome"] in ("offloaded", "edge_only") for frame in row["frames"])
    ]
    groups = grouped(rows, "model", "uplink_bps", "rtt_s", "pace")
    sample = any(len(found) < WANTED_SPLITS for (model, *_), found in groups.items() if "alexnet" not in model)
    plots = [
        Plot("scatter", "Measured against predicted latency of every split.", partial(_draw, data["rows"]), 7.2, 3.8)
    ]
    return from_text(
        __file__,
        [_figure(groups, pace) for pace in ("busy", "idle")],
        plots,
        sample=" (a sample)" if sample else "",
        link=data["link"],
        slowdown=data["slowdown"],
        engine={"onnx": "ONNX Runtime", "torch": "torch"}[data.get("engine", "torch")],
        left_out=len(data["rows"]) - len(rows),
        errors=table([{**_name(*key), **_errors(found)} for key, found in groups.items()], texts=3),
        stages=table([{**_name(*key), **_stages(found)} for key, found in groups.items()], texts=3),
    )


def _figure(groups: Groups, pace: str) -> Figure:
    """The worst model and link decide."""
    found = {key: median(abs(_error(row)) for row in rows) for key, rows in groups.items() if key[3] == pace}
    what = f"median error, {pace}, worst model and link"
    if not found:
        return Figure(what, WANTED, None, "%")
    worst = max(found, key=lambda key: found[key])
    off = max(STAGES, key=lambda stage: median(abs(_off(row, stage)) for row in groups[worst]))
    why = f"{worst[0].partition(':')[2]} at {worst[1] / 1e6:g} Mbit/s; most of it in the {off}"
    return Figure(what, WANTED, found[worst], "%", why=why)


def _name(model: str, uplink_bps: float, rtt_s: float, pace: str) -> dict[str, str]:
    return {"model": model.partition(":")[2], "link": f"{uplink_bps / 1e6:g} Mbit/s, {1000 * rtt_s:g} ms", "pace": pace}


def _errors(rows: list[Row]) -> dict[str, Any]:
    errors = list(map(_error, rows))
    amounts = sorted(map(abs, errors))
    told = {"splits": len(rows), "median error, %": median(amounts), "signed, %": median(errors)}
    return {**told, "90th percentile, %": percentile(amounts, 0.9) or 0.0, "largest, %": amounts[-1]}


def _stages(rows: list[Row]) -> dict[str, str]:
    offs = {stage: [_off(row, stage) for row in rows] for stage in STAGES}
    return {stage: f"{digits(median(map(abs, found)))} ({median(found):+.1f})" for stage, found in offs.items()}


def _error(row: Row) -> float:
    """Percent, measured less predicted."""
    return 100 * (_measured_s(row) / _predicted_s(row) - 1)


def _measured_s(row: Row) -> float:
    return float(median(frame["wall_s"] for frame in row["frames"]))


def _predicted_s(row: Row) -> float:
    return float(median(sum(frame["predicted"].values()) for frame in row["frames"]))


def _off(row: Row, stage: str) -> float:
    """What one stage adds to the error, in percent of the predicted latency."""
    offs = []
    for frame in row["frames"]:
        predicted, measured = frame["predicted"], frame["measured"]
        rest_s = frame["wall_s"] - sum(measured.values())
        off_s = rest_s if stage == "rest" else measured[stage] - predicted[stage]
        offs.append(100 * off_s / sum(predicted.values()))
    return float(median(offs))


def _draw(rows: list[Row], canvas: Canvas) -> None:
    both = canvas.subplots(1, 2, sharex=True, sharey=True)
    for axes, pace in zip(both, ("busy", "idle"), strict=True):
        found = [row for row in rows if row["pace"] == pace]
        for ((model,), of_model), style in zip(grouped(found, "model").items(), STYLES, strict=False):
            points = [(1000 * _predicted_s(row), 1000 * _measured_s(row)) for row in of_model]
            axes.plot(*zip(*points, strict=True), **style.of_points, label=model.partition(":")[2])
        if found:
            reach = [1000 * _predicted_s(row) for row in found]
            ends = [min(reach), max(reach)]
            axes.plot(ends, ends, color="black", linewidth=0.8, label="equal")
            low, high = ([share * at for at in ends] for share in (0.9, 1.1))
            axes.fill_between(ends, low, high, color="0.85", label="within 10 %")
        axes.set(xscale="log", yscale="log", title=pace, xlabel="predicted latency (ms)")
    both[0].set_ylabel("measured latency (ms)")
    both[0].legend(fontsize=8)
