"""What `bench.fleet` found, as a page to read."""

from functools import partial
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report, from_text

_BIN_S = 10
_WANTED_S, _WANTED_MB = 300.0, 4000.0
_CHANGES = 1.0


def report(data: Row) -> Report:
    rows, two, large = data["saturation"], data["two_clouds"], data["large"]
    best = min(two["fixed"], key=lambda row: row["mean_s"])
    chosen = two["chosen"]
    figures = [
        Figure(
            "two clouds: the first one's share, away from the best, in points",
            10.0,
            100 * abs(chosen["share"] - best["share"]),
        ),
        Figure("two clouds: mean latency over that of the best fixed share", 1.1, chosen["mean_s"] / best["mean_s"]),
        Figure(
            "two clouds: changes of cloud per edge and minute, after the first", _CHANGES, chosen["changes_per_minute"]
        ),
        Figure("switches of the split per edge and minute, worst load", _CHANGES, max(map(_switches, [*rows, large]))),
    ]
    if large["edges"] == 10_000:
        figures += [
            Figure("10,000 cameras, 10 minutes: duration, two processes", _WANTED_S, large["wall_s"], "s"),
            Figure("the same: memory of all processes", _WANTED_MB, large["memory_mb"], "MB"),
        ]
    plots = [
        Plot(
            "saturation", "What becomes of frames, and how long they take, over the load.", partial(_saturation, rows)
        ),
        Plot("two_clouds", "Two clouds: the first one's share of the frames over time.", partial(_two_clouds, two)),
    ]
    return from_text(
        __file__,
        figures,
        plots,
        saturation=table(map(_load_cells, rows)),
        clouds=table([*map(_cloud_cells, two["fixed"]), {**_cloud_cells(chosen), "share": "each edge chooses"}]),
        best=f"{best['share']:.0%}",
        chosen=f"{chosen['share']:.0%}",
        large=_large(large),
    )


def _switches(row: Row) -> float:
    return float(row["switches_per_minute"])


def _load_cells(row: Row) -> dict[str, Any]:
    return {
        "load": f"{row['load']:g}",
        "cameras": row["edges"],
        "busy": f"{min(row['busy'], 1.0):.0%}",
        "answered": f"{row['answered']:.1%}",
        "alone": f"{row['alone']:.1%}",
        "fell back": f"{row['fell_back']:.1%}",
        "dropped": f"{row['dropped']:.1%}",
        "mean, ms": _ms(row["mean_s"]),
        "p95, ms": _ms(row["p95_s"]),
        "answered, ms": _ms(row["answered_mean_s"]),
        "here, ms": _ms(row["here_mean_s"]),
        "switches/min": f"{row['switches_per_minute']:.2f}",
    }


def _cloud_cells(row: Row) -> dict[str, Any]:
    return {
        "share": f"{row['share']:.0%}",
        "mean, ms": _ms(row["mean_s"]),
        "p95, ms": _ms(row["p95_s"]),
        "answered": f"{row['answered']:.1%}",
        "refused": f"{row['refused']:.1%}",
        "changes/min": f"{row['changes_per_minute']:.2f}",
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _large(row: Row) -> str:
    a_frame_us = 1e6 * row["wall_s"] / row["frames"]
    return (
        f"{row['edges']:,} cameras, {row['seconds']:g} s, {row['replicas']} replicas with 4 places: "
        f"{row['frames']:,} frames in {row['wall_s']:.0f} s, {a_frame_us:.0f} µs a frame, {row['memory_mb']:.0f} MB. "
        f"{row['answered']:.1%} were answered, {row['fell_back']:.1%} fell back. The places were busy for "
        f"{row['busy']:.0%} of the time, those of the busiest replica for {row['busiest']:.0%}."
    )


def _saturation(rows: list[Row], canvas: Canvas) -> None:
    loads = [row["load"] for row in rows]
    shares, latencies = canvas.subplots(1, 2)
    for style, (name, label) in zip(
        STYLES, {"answered": "answered", "alone": "alone", "fell_back": "fell back"}.items(), strict=False
    ):
        shares.plot(loads, [100 * row[name] for row in rows], label=label, **style.of_line)
    shares.set_ylabel("% of frames")
    shares.set_ylim(0, 100)
    for style, (name, label) in zip(
        STYLES, {"answered_mean_s": "answered", "here_mean_s": "not answered", "mean_s": "all"}.items(), strict=False
    ):
        latencies.plot(loads, [_ms(row[name]) for row in rows], label=label, **style.of_line)
    latencies.set_ylabel("mean latency, ms")
    latencies.set_ylim(bottom=0)
    for axes in (shares, latencies):
        axes.set_xlabel("load, were all frames sent")
        axes.set_xlim(left=0)
        axes.legend()


def _two_clouds(two: Row, canvas: Canvas) -> None:
    over_time, over_share = canvas.subplots(1, 2)
    shares = two["shares"]
    over_time.plot([_BIN_S * at for at in range(len(shares))], [100 * share for share in shares], **STYLES[0].of_line)
    over_time.set_xlabel("seconds")
    over_time.set_ylabel("first cloud's share, %")
    over_time.set_ylim(0, 100)
    fixed, chosen = two["fixed"], two["chosen"]
    over_share.plot(
        [100 * row["share"] for row in fixed], [_ms(row["mean_s"]) for row in fixed], label="fixed", **STYLES[1].of_line
    )
    over_share.plot(100 * chosen["share"], _ms(chosen["mean_s"]), label="each edge chooses", **STYLES[0].of_points)
    over_share.set_xlabel("first cloud's share, %")
    over_share.set_ylabel("mean latency, ms")
    over_share.set_ylim(bottom=0)
    over_share.legend()
