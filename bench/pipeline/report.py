"""What `bench.pipeline` measured, as a page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.publishing.figures import Figure, digits, spread_of, table
from bench.publishing.plots import STYLES, drawing
from bench.publishing.publish import Plot, Report

__all__ = ["report"]

WANTED_SLEEPING, WANTED_COMPUTE = 0.97, 0.90
_STAGES = ("head", "transfer", "tail")

_METHOD = (
    "Throughput of frames that come faster than they can be processed, times the slowest stage: 1 is a pipeline whose "
    "slowest stage is never without a frame. Sleeping stages take no core from each other; the slowest is known "
    "beforehand. With real compute, edge and cloud have a thread each and share two cores with everything else; the "
    "slowest stage is the largest of the means measured in the run itself, encoding and decoding included."
)


def report(data: Mapping[str, Any]) -> Report:
    """Returns the page's contents."""
    sleeping, compute = data["sleeping"], data["compute"]
    shares = spread_of(rate_hz * sleeping["slowest_s"] for rate_hz in sleeping["rates_hz"])
    real = spread_of(run["rate_hz"] * _slowest_s(run) for run in compute["runs"])
    rows = [
        (
            "sleeping",
            *_ms({stage: sleeping[f"{stage}_s"] for stage in _STAGES}),
            digits(statistics.median(sleeping["rates_hz"])),
            f"{shares.median:.3f}",
        ),
        *(
            (
                f"real compute, run {i + 1}",
                *_ms(run["stages_s"]),
                digits(run["rate_hz"]),
                f"{run['rate_hz'] * _slowest_s(run):.3f}",
            )
            for i, run in enumerate(compute["runs"])
        ),
    ]
    others = [
        (f"run {i + 1}", *(digits(1000 * run["times_s"][name]) for name in _others(run)))
        for i, run in enumerate(compute["runs"])
    ]
    names = [name.removesuffix("_s").replace("_", " ") for name in _others(compute["runs"][0])]
    note = (
        f"Sleeping stages run over the emulated link at 20 Mbit/s. Real compute: {compute['model']}, "
        f"{compute['cut_bytes'] / 1e3:.0f} kB at {compute['uplink_bps'] / 1e6:.0f} Mbit/s over a link of kind "
        f"{compute['link']['kind']}, TCP {compute['link']['congestion']}."
    )
    return Report(
        title="Pipeline: throughput against the slowest stage",
        method=_METHOD,
        figures=[
            Figure("throughput x slowest stage, sleeping stages", WANTED_SLEEPING, shares.median, at_most=False),
            Figure(
                "throughput x slowest stage, real compute on two cores",
                WANTED_COMPUTE,
                real.median,
                at_most=False,
                why="see the other stages: what is between two frames of the slowest",
            ),
        ],
        body=[
            note,
            "",
            *table(("stages", "head, ms", "transfer, ms", "tail, ms", "frames/s", "of the slowest stage"), rows),
            "",
            "The other parts of the runs with real compute, means in ms:",
            "",
            *table(("", *names), others),
        ],
        plots=[Plot("stages", "Stages and period of each run with real compute.", lambda path: _draw(data, path))],
    )


def _slowest_s(run: Mapping[str, Any]) -> float:
    return max(float(run["stages_s"][name]) for name in _STAGES)


def _ms(stages_s: Mapping[str, float]) -> list[str]:
    return [digits(1000 * stages_s[name]) for name in _STAGES]


def _others(run: Mapping[str, Any]) -> list[str]:
    return [name for name in run["times_s"] if name.removesuffix("_s") not in _STAGES]


def _draw(data: Mapping[str, Any], path: Path) -> None:
    runs = data["compute"]["runs"]
    with drawing(path) as figure:
        axes = figure.add_subplot()
        bars = {name: [1000 * run["stages_s"][name] for run in runs] for name in _STAGES}
        bars["period"] = [1000 / run["rate_hz"] for run in runs]
        for place, ((name, heights), style) in enumerate(zip(bars.items(), STYLES, strict=False)):
            axes.bar([i + 0.2 * place for i in range(len(runs))], heights, 0.18, label=name, **style.of_bar)
        axes.set(ylabel="mean per frame (ms)", xticks=[i + 0.3 for i in range(len(runs))])
        axes.set_xticklabels([f"run {i + 1}" for i in range(len(runs))])
        axes.legend(ncols=4, fontsize=8)
