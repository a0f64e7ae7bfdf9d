"""What `bench.paper_table` measured, as a page: each cell, and the gains next to the paper's ranges."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import Canvas, bars
from bench.publishing.publish import Plot, Report

# What the paper reports, smallest and largest gain over models and uplinks (its section VI).
PAPER = {
    ("light", "latency", "edge_only"): (1.91, 6.45),
    ("light", "latency", "cloud_only"): (1.35, 8.08),
    ("light", "throughput", "edge_only"): (3.45, 8.31),
    ("light", "throughput", "cloud_only"): (1.46, 11.13),
    ("heavy", "latency", "edge_only"): (1.66, 5.19),
    ("heavy", "latency", "cloud_only"): (1.07, 6.92),
    ("heavy", "throughput", "edge_only"): (4.34, 9.14),
    ("heavy", "throughput", "cloud_only"): (1.46, 14.10),
}
# Milliseconds on a Raspberry Pi 3B (4 x Cortex A53, 1.2 GHz, float32, batch 1), auto-tuned:
# https://github.com/dmlc/tvm/wiki/Benchmark
PUBLISHED_PI_MS = {"resnet18": 320.0, "vgg16": 1772.0}
NEVER_SLOWER = 0.95

_METHOD = (
    "The edge is slowed down 10.95 times by really waiting: the ratio of the paper's own measurements of tiny YOLOv2, "
    "1.8209 s on its Raspberry Pi 3B against 0.16634 s in its cloud. Light load (Q = 0.1) is one frame at a time, "
    "without the seconds of waiting between two frames; its throughput is 1 over the slowest measured stage, as the "
    "paper reckons it. Heavy load (Q = 20) is 20 frames a second, more than nearly all of these can process; the "
    "throughput is that of the results, and the latency includes the wait for the head, for which at most two frames "
    "queue. Latencies are medians of at least ten frames, from submission to result; they are an agent's first but "
    "one, so what DADS spends on getting to know the link is in them. Cloud-only is run with the normalised float32 "
    "frame, as in the paper, whose frame is 0.949 MB of float32; with the frame as it comes, uint8, a quarter of "
    "that, which is what this system's own cloud-only sends; and with the frame as JPEG, as a practitioner would; the "
    "gain over that is of DADS with JPEG frames. DADS may choose lossless encodings, as it does by default. The "
    "paper's frames are 224p video; here each model takes its usual size. At 0.13 Mbit/s cloud-only with float32 and "
    "uint8 frames, which take from ten seconds to two minutes each and hardly compute, is run side by side, each "
    "model and load over a link of its own."
)
_GAINS = (
    "Smallest and largest gain over models and uplinks; reached says which of the paper's two ours are not below. "
    "Where edge-only or cloud-only is the best there is, DADS does it and gains nothing: a smallest gain near 1 "
    "is such a cell. The paper's cloud-only sends four times the bytes of a frame as it comes from a camera, so gains "
    "over that are smaller than over float32."
)
_NAMES = {
    "adaptive": "DADS",
    "edge_only": "edge-only",
    "cloud_only_float": "cloud-only, float32",
    "cloud_only": "cloud-only, uint8",
    "cloud_only_jpeg": "cloud-only, JPEG",
    "adaptive_jpeg": "DADS, JPEG",
}
_BASELINES = ("edge_only", "cloud_only", "cloud_only_jpeg")

Row = Mapping[str, Any]
Key = tuple[str, float, str]


def report(data: Mapping[str, Any]) -> Report:
    ways = _by_way(data)
    gain, over, key = min((*_worst_gain(found), key) for key, found in ways.items())
    full = len(data["models"]) == 5 and len(data["uplinks_bps"]) == 4
    link = data["link"]
    notes = f"Link: {link['kind']}, round trip {1000 * link['rtt_s']:g} ms, TCP {link['congestion']}. " + (
        "" if full else "A subset: the other models and uplinks are in `make bench-full`."
    )
    body = [notes, "", "## Gains, next to the paper's", "", _GAINS, "", *_gains(ways), "", "## Cells", ""]
    for load in ("light", "heavy"):
        for what, unit in (("latency", "ms"), ("throughput", "frames/s")):
            body += [f"### {load.capitalize()} load: {what}, {unit}", "", *_cells(ways, load, what), ""]
    body += ["## The slowdown, checked", "", *_checked(data)]
    width = 2.0 + 2.2 * len(data["models"])
    what = "DADS against the better baseline in the same cell: smallest gain of latency (light) or throughput (heavy)"
    return Report(
        title=f"The paper's table, live{'' if full else ' (a subset)'}",
        method=_METHOD,
        figures=[Figure(what, NEVER_SLOWER, gain, "x", at_most=False, why=_why(ways, key, over))],
        body=body,
        plots=[
            Plot(load, f"{what.capitalize()} under {load} load.", partial(_draw, ways, load, what), width)
            for load, what in (("light", "latency"), ("heavy", "throughput"))
        ],
    )


def _by_way(data: Mapping[str, Any]) -> dict[Key, dict[str, Row]]:
    """The ways of each model, uplink and load; edge-only is the same for all uplinks."""
    found: dict[Key, dict[str, Row]] = {}
    for model in data["models"]:
        for load in ("light", "heavy"):
            for uplink_bps in data["uplinks_bps"]:
                found[model, uplink_bps, load] = {
                    row["way"]: row
                    for row in data["rows"]
                    if (row["model"], row["load"]) == (model, load) and row["uplink_bps"] in (None, uplink_bps)
                }
    return found


def _value(row: Row, what: str) -> float:
    return float(row["latency_s" if what == "latency" else "throughput_hz"])


def _gain(found: Mapping[str, Row], over: str, what: str) -> float:
    """How many times better DADS is; the frame may be JPEG for both or for none."""
    ours = _value(found["adaptive_jpeg" if over.endswith("_jpeg") else "adaptive"], what)
    theirs = _value(found[over], what)
    return theirs / ours if what == "latency" else ours / theirs


def _worst_gain(found: Mapping[str, Row]) -> tuple[float, str]:
    """The smallest gain over a baseline, and which that is."""
    what = "latency" if found["adaptive"]["load"] == "light" else "throughput"
    return min((_gain(found, over, what), over) for over in _BASELINES)


def _why(ways: Mapping[Key, Mapping[str, Row]], key: Key, over: str) -> str:
    """Where the smallest gain is, and in how many cells it is too small though both ran the same split."""
    model, uplink_bps, load = key
    where = f"{model.partition(':')[2]}, {uplink_bps / 1e6:g} Mbit/s, {load}, over {_NAMES[over]}"
    missed = [found for found in ways.values() if _worst_gain(found)[0] < NEVER_SLOWER]
    alike = [found for found in missed if _ran_alike(found, _worst_gain(found)[1])]
    return (
        f"{where}; {len(missed)} of {len(ways)} cells are below, in {len(alike)} of them DADS ran the baseline's own "
        "split: what two runs of the same on this machine differ by, times the slowdown"
    )


def _ran_alike(found: Mapping[str, Row], over: str) -> bool:
    ours = found["adaptive_jpeg" if over.endswith("_jpeg") else "adaptive"]
    return bool(ours["cuts"] == found[over]["cuts"])


def _gains(ways: Mapping[Key, Mapping[str, Row]]) -> list[str]:
    """The paper's range of each gain beside ours; for cloud-only, over each form of the frame."""
    rows = []
    for (load, what, over), (low, high) in PAPER.items():
        for form in (way for way in _NAMES if way.startswith(over)):
            gains = [_gain(found, form, what) for key, found in ways.items() if key[2] == load and form in found]
            is_papers = form in ("edge_only", "cloud_only_float")  # the paper's cloud-only sends float32
            rows.append(
                {
                    "load": load,
                    "gain of": what,
                    "over": _NAMES[form],
                    "paper": f"{low} to {high}" if is_papers else "",
                    "here": f"{min(gains):.2f} to {max(gains):.2f}" if gains else "not run",
                    "cells": len(gains),
                    "reached": _met(gains, low, high) if is_papers else "",
                }
            )
    return table(rows, texts=3, remark=True)


def _met(gains: list[float], low: float, high: float) -> str:
    """Which ends of the paper's range ours reach."""
    if not gains:
        return ""
    reached = {"smallest": min(gains) >= low, "largest": max(gains) >= high}
    return " and ".join(end for end, is_reached in reached.items() if is_reached) or "neither"


def _cells(ways: Mapping[Key, Mapping[str, Row]], load: str, what: str) -> list[str]:
    scale = 1000 if what == "latency" else 1
    rows = []
    for (model, uplink_bps, at_load), found in ways.items():
        if at_load != load:
            continue
        gains = (f"{_gain(found, over, what):.2f}" for over in _BASELINES)
        row: dict[str, Any] = {"model": model.partition(":")[2], "Mbit/s": f"{uplink_bps / 1e6:g}"}
        row |= {name: scale * _value(found[way], what) if way in found else "not run" for way, name in _NAMES.items()}
        row |= zip(("over edge", "over uint8", "over JPEG"), gains, strict=True)
        row |= {"frames": min(row["frames"] for row in found.values())}
        rows.append(row | {"cut of DADS": _odd(found) or ", ".join(found["adaptive"]["cuts"])})
    return table(rows, remark=True)


def _odd(found: Mapping[str, Row]) -> str:
    """Frames that fell back or failed, where there are any."""
    told = []
    for way, row in found.items():
        fell_back = row["outcomes"].get("local_fallback", 0) + row["outcomes"].get("failed", 0)
        if fell_back:
            told.append(f"{_NAMES[way]}: {fell_back} fell back or failed")
    return "; ".join(told)


def _checked(data: Mapping[str, Any]) -> list[str]:
    rows = []
    for model in data["models"]:
        whole_s = next(row["whole_s"] for row in data["rows"] if row["model"] == model)
        published = PUBLISHED_PI_MS.get(model.partition(":")[2])
        rows.append(
            {
                "model": model.partition(":")[2],
                "one core, ms": 1000 * whole_s,
                "slowed edge, ms": 1000 * whole_s * data["slowdown"],
                "published, ms": "" if published is None else f"{published:g}",
                "ratio to this core": "" if published is None else f"{published / whole_s / 1000:.1f}",
            }
        )
    text = (
        "Whole models on one core of this machine, on the slowed edge, and as published for a Raspberry Pi 3B with "
        "kernels auto-tuned by TVM (https://github.com/dmlc/tvm/wiki/Benchmark); frameworks without tuning are slower."
    )
    return [text, "", *table(rows)]


def _draw(ways: Mapping[Key, Mapping[str, Row]], load: str, what: str, canvas: Canvas) -> None:
    models = list(dict.fromkeys(model for model, _, _ in ways))
    scale = 1000 if what == "latency" else 1
    panels = canvas.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        keys = [key for key in ways if (key[0], key[2]) == (model, load)]
        heights = {
            name: [scale * _value(ways[key][way], what) if way in ways[key] else None for key in keys]
            for way, name in _NAMES.items()
        }
        bars(axes, [f"{key[1] / 1e6:g}" for key in keys], heights)
        axes.set(yscale="log", title=model.partition(":")[2], xlabel="Mbit/s")
    panels[0].set_ylabel("latency (ms)" if what == "latency" else "throughput (frames/s)")
    columns = 6 if len(models) > 2 else 3
    canvas.legend(*panels[0].get_legend_handles_labels(), ncols=columns, fontsize=8, loc="outside upper center")
