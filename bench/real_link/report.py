"""What `bench.real_link` measured, as a page."""

import statistics
from functools import partial
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report, from_text
from edge_service.output.report import percentile
from link_emulator import bundled

WANTED_OVER_ORACLE, WANTED_MISSED, WANTED_SWITCHES_PER_S = 5.0, 0.0, 0.5

_NAMES = {
    "adaptive": "adaptive",
    "oracle": "oracle that knows the link",
    "best_fixed": "best fixed split (by hindsight)",
    "edge_only": "edge-only",
    "cloud_only": "cloud-only",
}
_RESULTS = ("offloaded", "edge_only", "local_fallback")

_WHY = "the estimate lags a link that changes every 0.1 s; see the plot"


def report(data: Row) -> Report:
    by_way = {way: [row for row in data["rows"] if row["way"] == way] for way in _NAMES}
    adaptive, oracle_s = by_way["adaptive"], _mean_s(by_way["oracle"])
    over = 100 * (_mean_s(adaptive) / oracle_s - 1)
    missed = sum(frame["outcome"] not in _RESULTS for row in adaptive for frame in row["frames"])
    switches_hz = _switches(adaptive) / (data["seconds"] * len(adaptive))
    caption = "Above, the uplink of the trace and its estimate; below, the latency of each frame."
    return from_text(
        __file__,
        [
            Figure("mean latency of adaptive over the oracle's", WANTED_OVER_ORACLE, over, "%", why=_WHY),
            Figure("frames without a result", WANTED_MISSED, missed),
            Figure("switches per second", WANTED_SWITCHES_PER_S, switches_hz),
        ],
        [Plot("frames", caption, partial(_draw, data), 7.5, 5.2)],
        data=data,
        rtt_ms=1000 * data["link"]["rtt_s"],
        turns=len(adaptive),
        ways=table(_cells(name, by_way[way], oracle_s) for way, name in _NAMES.items()),
    )


def _cells(way: str, rows: list[Row], oracle_s: float) -> dict[str, Any]:
    walls = sorted(frame["wall_s"] for frame in _done(rows))
    replayed_s = rows[0]["replayed_s"]
    return {
        "way": way,
        "mean, ms": 1000 * _mean_s(rows),
        "median, ms": 1000 * statistics.median(walls),
        "95 %, ms": 1000 * (percentile(walls, 0.95) or 0.0),
        "over the oracle, %": f"{100 * (_mean_s(rows) / oracle_s - 1):+.1f}",
        "replayed, ms": None if replayed_s is None else 1000 * replayed_s,
        "results": f"{len(walls)} of {sum(len(row['frames']) for row in rows)}",
        "fallbacks": sum(frame["outcome"] == "local_fallback" for frame in _done(rows)),
        "switches": _switches(rows),
    }


def _done(rows: list[Row]) -> list[Row]:
    return [frame for row in rows for frame in row["frames"] if frame["outcome"] in _RESULTS]


def _mean_s(rows: list[Row]) -> float:
    return statistics.fmean(frame["wall_s"] for frame in _done(rows))


def _switches(rows: list[Row]) -> int:
    return sum(frame["switched"] for row in rows for frame in row["frames"])


def _draw(data: Row, canvas: Canvas) -> None:
    trace = bundled(data["trace"])
    above, below = canvas.subplots(2, 1, sharex=True)
    steps = [(time_s, bps / 1e6) for time_s, bps in zip(trace.times_s, trace.rates_bps, strict=True)]
    shown = [step for step in steps if step[0] <= data["seconds"]]
    above.step(*zip(*shown, strict=True), where="post", color="0.6", linewidth=0.8, label="uplink")
    first = {row["way"]: row for row in reversed(data["rows"])}
    told = [frame for frame in first["adaptive"]["frames"] if frame["uplink_bps"]]
    estimates = [(frame["submitted_s"], frame["uplink_bps"] / 1e6) for frame in told]
    above.plot(*zip(*estimates, strict=True), **STYLES[0].of_line, label="estimate (adaptive)")
    above.set(ylabel="uplink (Mbit/s)")
    for way, style in zip(("adaptive", "oracle", "best_fixed"), STYLES, strict=False):
        frames = _done([first[way]])
        xs, ys = [frame["submitted_s"] for frame in frames], [1000 * frame["wall_s"] for frame in frames]
        below.plot(xs, ys, **(style.of_line | {"markersize": 3, "linewidth": 0.8}), label=_NAMES[way])
    below.set(yscale="log", xlabel="time (s)", ylabel="latency (ms)")
    for axes in (above, below):
        axes.legend(fontsize=8, ncols=3)
