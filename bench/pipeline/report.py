"""What `bench.pipeline` measured, as a page."""

from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.plots import Canvas, bars
from bench.publishing.publish import Plot, Report, from_text

WANTED_SLEEPING, WANTED_COMPUTE = 0.97, 0.90
_STAGES = ("head", "transfer", "tail")
_WHY = "see the other stages: what is between two frames of the slowest"


def report(data: Row) -> Report:
    sleeping, compute = data["sleeping"], data["compute"]
    known = {"stages_s": {stage: sleeping[f"{stage}_s"] for stage in _STAGES}, "rate_hz": median(sleeping["rates_hz"])}
    runs = {f"run {i + 1}": run for i, run in enumerate(compute["runs"])}
    real = median(map(_share, runs.values()))
    what = "throughput x slowest stage, "
    return from_text(
        __file__,
        [
            Figure(f"{what}sleeping stages", WANTED_SLEEPING, _share(known), at_most=False),
            Figure(f"{what}real compute on two cores", WANTED_COMPUTE, real, at_most=False, why=_WHY),
        ],
        [Plot("stages", "Stages and period of each run with real compute.", partial(_draw, runs))],
        compute=compute,
        cut_kb=compute["cut_bytes"] / 1e3,
        mbit=compute["uplink_bps"] / 1e6,
        runs=table([_row("sleeping", known), *(_row(f"real compute, {name}", run) for name, run in runs.items())]),
        others=table({"": name, **_others(run)} for name, run in runs.items()),
    )


def _share(run: Row) -> float:
    """Throughput times the slowest stage."""
    return float(run["rate_hz"] * max(run["stages_s"][name] for name in _STAGES))


def _row(what: str, run: Row) -> dict[str, Any]:
    times = {f"{stage}, ms": 1000 * run["stages_s"][stage] for stage in _STAGES}
    return {"stages": what, **times, "frames/s": run["rate_hz"], "of the slowest stage": f"{_share(run):.3f}"}


def _others(run: Row) -> dict[str, float]:
    parts = {name.removesuffix("_s"): 1000 * seconds for name, seconds in run["times_s"].items()}
    return {name.replace("_", " "): ms for name, ms in parts.items() if name not in _STAGES}


def _draw(runs: Row, canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    heights = {name: [1000 * run["stages_s"][name] for run in runs.values()] for name in _STAGES}
    heights["period"] = [1000 / run["rate_hz"] for run in runs.values()]
    bars(axes, list(runs), heights)
    axes.set(ylabel="mean per frame (ms)")
    axes.legend(ncols=4, fontsize=8)
