"""What `bench.paper_table` measured, as a page: each cell, and the gains next to the paper's ranges."""

from functools import partial
from itertools import product
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.plots import Canvas, bars
from bench.publishing.publish import Plot, Report, from_text

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

_NAMES = {
    "adaptive": "DADS",
    "edge_only": "edge-only",
    "cloud_only_float": "cloud-only, float32",
    "cloud_only": "cloud-only, uint8",
    "cloud_only_jpeg": "cloud-only, JPEG",
    "adaptive_jpeg": "DADS, JPEG",
    "cloud_only_h264": "cloud-only, H.264",
}
# H.264 is none of them: it changes answers, and DADS here loses nothing, so which is better is not one figure.
_BASELINES = ("edge_only", "cloud_only", "cloud_only_jpeg")
_COMPARED = {
    "edge_only": "over edge",
    "cloud_only": "over uint8",
    "cloud_only_jpeg": "over JPEG",
    "cloud_only_h264": "over H.264",
}

_ENGINES = {
    "onnx": "All ways compute in ONNX Runtime, so edge-only is what a practitioner deploys without a cloud.",
    "torch": "All ways compute with torch's operators.",
}
_FORMS = {"jpeg": "JPEG (cloud-only, DADS)", "h264": "H.264 (cloud-only)"}

# By model, uplink and load: the ways; edge-only is the same for all uplinks.
Ways = dict[tuple[str, float, str], dict[str, Row]]


def report(data: Row) -> Report:
    ways: Ways = {
        (model, uplink_bps, load): {
            row["way"]: row
            for row in data["rows"]
            if (row["model"], row["load"]) == (model, load) and row["uplink_bps"] in (None, uplink_bps)
        }
        for model, load, uplink_bps in product(data["models"], ("light", "heavy"), data["uplinks_bps"])
    }
    gain, over, key = min((*_worst_gain(found), key) for key, found in ways.items())
    full = len(data["models"]) == 5 and len(data["uplinks_bps"]) == 4
    what = "DADS against the better baseline in the same cell: smallest gain of latency (light) or throughput (heavy)"
    width = 2.0 + 2.2 * len(data["models"])
    cells = {
        f"{load}_{what}": _cells(ways, load, what, _heads(data))
        for load in ("light", "heavy")
        for what in ("latency", "throughput")
    }
    return from_text(
        __file__,
        [Figure(what, NEVER_SLOWER, gain, "x", at_most=False, why=_why(ways, key, over))],
        [
            Plot(load, f"{what.capitalize()} under {load} load.", partial(_draw, ways, load, what), width)
            for load, what in (("light", "latency"), ("heavy", "throughput"))
        ],
        subset="" if full else " (a subset)",
        link=data["link"],
        rtt_ms=1000 * data["link"]["rtt_s"],
        engine=_ENGINES[data.get("engine", "torch")],
        others="" if full else "A subset: the other models and uplinks are in `make bench-full`.",
        gains=_gains(ways),
        kept=_kept(data),
        **cells,
        checked=table([_checked(model, data) for model in data["models"]]),
    )


def _value(row: Row, what: str) -> float:
    return float(row["latency_s" if what == "latency" else "throughput_hz"])


def _gain(found: Row, over: str, what: str) -> float:
    """How many times better DADS is; the frame may be JPEG for both or for none."""
    ours = _value(found["adaptive_jpeg" if over.endswith("_jpeg") else "adaptive"], what)
    theirs = _value(found[over], what)
    return theirs / ours if what == "latency" else ours / theirs


def _worst_gain(found: Row) -> tuple[float, str]:
    """The smallest gain over a baseline, and which that is."""
    what = "latency" if found["adaptive"]["load"] == "light" else "throughput"
    return min((_gain(found, over, what), over) for over in _BASELINES)


def _why(ways: Ways, key: tuple[str, float, str], over: str) -> str:
    """Where the smallest gain is, and in how many cells it is too small though both ran the same split."""
    model, uplink_bps, load = key
    where = f"{model.partition(':')[2]}, {uplink_bps / 1e6:g} Mbit/s, {load}, over {_NAMES[over]}"
    missed = [found for found in ways.values() if _worst_gain(found)[0] < NEVER_SLOWER]
    alike = [found for found in missed if _ran_alike(found, _worst_gain(found)[1])]
    return (
        f"{where}; {len(missed)} of {len(ways)} cells are below, in {len(alike)} of them DADS ran the baseline's own "
        "split: what two runs of the same on this machine differ by, times the slowdown"
    )


def _ran_alike(found: Row, over: str) -> bool:
    ours = found["adaptive_jpeg" if over.endswith("_jpeg") else "adaptive"]
    return bool(ours["cuts"] == found[over]["cuts"])


def _gains(ways: Ways) -> list[str]:
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


def _cells(ways: Ways, load: str, what: str, heads: Row) -> list[str]:
    scale = 1000 if what == "latency" else 1
    return table(
        [
            {
                "model": model.partition(":")[2],
                "Mbit/s": f"{uplink_bps / 1e6:g}",
                **{
                    name: scale * _value(found[way], what) if way in found else "not run" for way, name in heads.items()
                },
                **{
                    name: f"{_gain(found, way, what):.2f}" if way in found else "not run"
                    for way, name in _COMPARED.items()
                },
                "frames": min(row["frames"] for row in found.values()),
                "cut of DADS": _odd(found) or ", ".join(found["adaptive"]["cuts"]),
            }
            for (model, uplink_bps, at_load), found in ways.items()
            if at_load == load
        ],
        remark=True,
    )


def _heads(data: Row) -> dict[str, str]:
    """The ways' names, with what is kept of the model's answers where that is measured and not everything."""
    kept = {row["form"]: f" ({_share(row)} kept)" for row in data.get("kept", [])}
    return {way: name + kept.get(way.rpartition("_")[2], "") for way, name in _NAMES.items()}


def _share(row: Row) -> str:
    return f"{100 * row['kept'] / row['frames']:.0f} %"


def _kept(data: Row) -> list[str]:
    """What each form of the frame keeps; the first is every form that loses nothing."""
    measured = data.get("kept", [])
    forms = [{"frame as": "float32, uint8, and whatever DADS chooses", "kB": "", "top-1 kept": "100 %"}]
    for row in measured:
        size = f"{row['size_bytes'] / 1000:.1f}"
        forms.append({"frame as": _FORMS[row["form"]], "kB": size, "top-1 kept": _share(row)})
    if not measured:
        forms += [{"frame as": name, "kB": "", "top-1 kept": "not measured"} for name in _FORMS.values()]
    return table(forms)


def _odd(found: Row) -> str:
    """Frames that fell back or failed, where there are any."""
    told = {
        way: sum(row["outcomes"].get(name, 0) for name in ("local_fallback", "failed")) for way, row in found.items()
    }
    return "; ".join(f"{_NAMES[way]}: {count} fell back or failed" for way, count in told.items() if count)


def _checked(model: str, data: Row) -> dict[str, Any]:
    whole_s = next(row["whole_s"] for row in data["rows"] if row["model"] == model)
    published = PUBLISHED_PI_MS.get(model.partition(":")[2])
    return {
        "model": model.partition(":")[2],
        "one core, ms": 1000 * whole_s,
        "slowed edge, ms": 1000 * whole_s * data["slowdown"],
        "published, ms": "" if published is None else f"{published:g}",
        "ratio to this core": "" if published is None else f"{published / whole_s / 1000:.1f}",
    }


def _draw(ways: Ways, load: str, what: str, canvas: Canvas) -> None:
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
