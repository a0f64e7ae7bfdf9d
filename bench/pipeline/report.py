"""What `bench.pipeline` measured, as a page."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import Canvas, bars
from bench.publishing.publish import Plot, Report

WANTED_SLEEPING, WANTED_COMPUTE = 0.97, 0.90
_STAGES = ("head", "transfer", "tail")

_METHOD = (
    "Throughput of frames that come faster than they can be processed, times the slowest stage: 1 is a pipeline whose "
    "slowest stage is never without a frame. Sleeping stages take no core from each other; the slowest is known "
    "beforehand. With real compute, edge and cloud have a thread each and share two cores with everything else; the "
    "slowest stage is the largest of the means measured in the run itself, encoding and decoding included."
)


def report(data: Mapping[str, Any]) -> Report:
    sleeping, compute = data["sleeping"], data["compute"]
    share = median(rate_hz * sleeping["slowest_s"] for rate_hz in sleeping["rates_hz"])
    real = median(run["rate_hz"] * _slowest_s(run) for run in compute["runs"])
    names = {f"run {i + 1}": run for i, run in enumerate(compute["runs"])}
    known_s = {stage: sleeping[f"{stage}_s"] for stage in _STAGES}
    rows = [_row("sleeping", known_s, median(sleeping["rates_hz"]), share)]
    rows += [
        _row(f"real compute, {name}", run["stages_s"], run["rate_hz"], run["rate_hz"] * _slowest_s(run))
        for name, run in names.items()
    ]
    note = (
        f"Sleeping stages run over the emulated link at 20 Mbit/s. Real compute: {compute['model']}, "
        f"{compute['cut_bytes'] / 1e3:.0f} kB at {compute['uplink_bps'] / 1e6:.0f} Mbit/s over a link of kind "
        f"{compute['link']['kind']}, TCP {compute['link']['congestion']}."
    )
    return Report(
        title="Pipeline: throughput against the slowest stage",
        method=_METHOD,
        figures=[
            Figure("throughput x slowest stage, sleeping stages", WANTED_SLEEPING, share, at_most=False),
            Figure(
                "throughput x slowest stage, real compute on two cores",
                WANTED_COMPUTE,
                real,
                at_most=False,
                why="see the other stages: what is between two frames of the slowest",
            ),
        ],
        body=[
            note,
            "",
            *table(rows),
            "",
            "The other parts of the runs with real compute, means in ms:",
            "",
            *table({"": name, **_others(run)} for name, run in names.items()),
        ],
        plots=[Plot("stages", "Stages and period of each run with real compute.", lambda to: _draw(names, to))],
    )


def _slowest_s(run: Mapping[str, Any]) -> float:
    return max(float(run["stages_s"][name]) for name in _STAGES)


def _row(what: str, stages_s: Mapping[str, float], rate_hz: float, share: float) -> dict[str, Any]:
    times = {f"{stage}, ms": 1000 * stages_s[stage] for stage in _STAGES}
    return {"stages": what, **times, "frames/s": rate_hz, "of the slowest stage": f"{share:.3f}"}


def _others(run: Mapping[str, Any]) -> dict[str, float]:
    parts = {name.removesuffix("_s"): 1000 * seconds for name, seconds in run["times_s"].items()}
    return {name.replace("_", " "): ms for name, ms in parts.items() if name not in _STAGES}


def _draw(runs: Mapping[str, Mapping[str, Any]], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    heights = {name: [1000 * run["stages_s"][name] for run in runs.values()] for name in _STAGES}
    heights["period"] = [1000 / run["rate_hz"] for run in runs.values()]
    bars(axes, list(runs), heights)
    axes.set(ylabel="mean per frame (ms)")
    axes.legend(ncols=4, fontsize=8)
