"""What `bench.prediction` measured, as a page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, digits, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report
from edge_service.output.report import percentile

WANTED = 10.0
# Of each model but AlexNet, which has fewer.
WANTED_SPLITS = 60
STAGES = ("head", "transfer", "fixed", "tail")

_METHOD = (
    "Each split is run several times over a shaped link, after one frame that is not counted. The prediction is the "
    "agent's own for that frame, from the profiles and from the estimates of link and load that it had when the frame "
    "began; measured is the wall time from submission to result, outside the agent. A split's error is that of the "
    "median measured latency against the median predicted one. Busy: a frame follows the other at once. Idle: a pause "
    "of one second before each frame, so that TCP may have closed its window. Splits of GoogLeNet and ResNet-50 are "
    "drawn from strata of the predicted latency; edge-only and cloud-only are always there, and splits of more than "
    "twenty times the best one's latency are left out."
)
_STAGES_TEXT = (
    "Where the error comes from: the difference, measured less predicted, of each stage in percent of the predicted "
    "latency. The median of the amounts, and in brackets the median with its sign. `rest` is wall time that belongs to "
    "no stage of the prediction: waiting and queues."
)

Row = Mapping[str, Any]


def report(data: Mapping[str, Any]) -> Report:
    groups: dict[tuple[str, float, float, str], list[Row]] = defaultdict(list)
    left_out = 0
    for row in data["rows"]:
        if all(frame["outcome"] in ("offloaded", "edge_only") for frame in row["frames"]):
            groups[row["model"], row["uplink_bps"], row["rtt_s"], row["pace"]].append(row)
        else:
            left_out += 1
    errors, stages = [], []
    for (model, uplink_bps, rtt_s, pace), rows in groups.items():
        name = {"model": model.partition(":")[2], "link": f"{uplink_bps / 1e6:g} Mbit/s, {1000 * rtt_s:g} ms"}
        name["pace"] = pace
        found = sorted(abs(_error(row)) for row in rows)
        told: dict[str, Any] = {
            "splits": len(rows),
            "median error, %": median(found),
            "signed, %": median(map(_error, rows)),
        }
        errors.append({**name, **told, "90th percentile, %": percentile(found, 0.9) or 0.0, "largest, %": found[-1]})
        stages.append({**name, **{stage: _stage_cell(rows, stage) for stage in (*STAGES, "rest")}})
    link = data["link"]
    note = (
        f"Link: {link['kind']}, TCP {link['congestion']} at both ends. The edge is {data['slowdown']:g} times slower "
        f"than the cloud. {left_out} splits with a frame that fell back or failed are left out."
    )
    body = [
        note,
        "",
        *table(errors, texts=3),
        "",
        _STAGES_TEXT,
        "",
        *table(stages, texts=3),
    ]
    sample = any(len(rows) < WANTED_SPLITS for (model, *_), rows in groups.items() if "alexnet" not in model)
    return Report(
        title=f"Prediction: predicted against measured latency of splits{' (a sample)' if sample else ''}",
        method=_METHOD,
        figures=[_figure(groups, pace) for pace in ("busy", "idle")],
        body=body,
        plots=[Plot("scatter", "Measured against predicted latency of every split.", partial(_draw, data), 7.2, 3.8)],
    )


def _figure(groups: Mapping[tuple[str, float, float, str], Sequence[Row]], pace: str) -> Figure:
    """The worst model and link decide."""
    found = {key: median(abs(_error(row)) for row in rows) for key, rows in groups.items() if key[3] == pace}
    if not found:
        return Figure(f"median error, {pace}, worst model and link", WANTED, None, "%")
    worst = max(found, key=lambda key: found[key])
    off = max((*STAGES, "rest"), key=lambda stage: median(abs(_off(row, stage)) for row in groups[worst]))
    why = f"{worst[0].partition(':')[2]} at {worst[1] / 1e6:g} Mbit/s; most of it in the {off}"
    return Figure(f"median error, {pace}, worst model and link", WANTED, found[worst], "%", why=why)


def _error(row: Row) -> float:
    """Percent, measured less predicted."""
    return 100 * float(median(frame["wall_s"] for frame in row["frames"]) / _predicted_s(row) - 1)


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


def _stage_cell(rows: Iterable[Row], stage: str) -> str:
    offs = [_off(row, stage) for row in rows]
    return f"{digits(median(map(abs, offs)))} ({median(offs):+.1f})"


def _draw(data: Mapping[str, Any], canvas: Canvas) -> None:
    specs = list(dict.fromkeys(row["model"] for row in data["rows"]))
    both = canvas.subplots(1, 2, sharex=True, sharey=True)
    for axes, pace in zip(both, ("busy", "idle"), strict=True):
        reach: list[float] = []
        for spec, style in zip(specs, STYLES, strict=False):
            rows = [row for row in data["rows"] if (row["model"], row["pace"]) == (spec, pace)]
            predicted = [1000 * _predicted_s(row) for row in rows]
            measured = [1000 * median(frame["wall_s"] for frame in row["frames"]) for row in rows]
            axes.plot(predicted, measured, **style.of_points, label=spec.partition(":")[2])
            reach += predicted
        if reach:
            ends = [min(reach), max(reach)]
            axes.plot(ends, ends, color="black", linewidth=0.8, label="equal")
            low, high = ([share * at for at in ends] for share in (0.9, 1.1))
            axes.fill_between(ends, low, high, color="0.85", label="within 10 %")
        axes.set(xscale="log", yscale="log", title=pace, xlabel="predicted latency (ms)")
    both[0].set_ylabel("measured latency (ms)")
    both[0].legend(fontsize=8)
