"""What `bench.decide` measured, as a page to read: the wanted figures beside the measured ones."""

import datetime as dt
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Wanted on one core, in seconds.
BUILD_S = 0.100
FEW_SETS = 10_000
DECIDE_FEW_S = 50e-6
DECIDE_S = {"inception_v3": 250e-6}

_PACKAGES = ("numpy", "scipy", "networkx", "torch", "torchvision")

_TABLE = (
    "Build: from the graph and its times. Re-price: for other times. Re-decide: for another link (200 of them, from "
    "0.1 Mbit/s to 1 Gbit/s) and load factors. Heavy load is measured at a rate that the lowest-latency split does not "
    "keep up with, and another one does where there is one. The edge is eight times slower than the machine."
)
_MIN_CUT = (
    "The same light decision (the split of the lowest latency) without the table, in ms. scipy: `partitioner.min_cut`, "
    "its network built once. Dinic: `partitioner.reference`, plain Python, and networkx: its default, preflow-push; "
    "both build the network for each decision. None of the three answers a heavy decision. All were checked to find "
    "the table's latency. The last column compares the table with the fastest of the three."
)


def machine() -> dict[str, Any]:
    """Returns where and when a benchmark runs: processor, cores, versions, date."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {package: version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def markdown(data: Mapping[str, Any]) -> str:
    """Returns the page for what `decide.json` holds."""
    rows = data["rows"]
    versions = ", ".join(f"{package} {number}" for package, number in data["versions"].items())
    about = (
        f"{data['date']}; {data['processor']}, {data['cores']} cores, {data['system']}; Python {data['python']}, "
        f"{versions}. One thread. Each figure is the median, with the fastest and the slowest run in brackets."
    )
    lines = [
        "# How long a decision takes",
        "",
        "Written by `make bench-decide`; the raw numbers are in `decide.json`.",
        "",
        about,
        *(["", f"**Note:** {data['note']}"] if data["note"] else []),
        "",
        "## The closed-set table",
        "",
        _TABLE,
        "",
        "| model | layers | closed sets | build, ms | re-price, ms | re-decide light, µs | re-decide heavy, µs |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        cells = [
            _cell(row["build"], 1e3),
            _cell(row["reprice"], 1e3),
            _cell(row["light"], 1e6),
            _cell(row["heavy"], 1e6),
        ]
        lines.append(f"| {row['model']} | {row['layers']:,} | {row['sets']:,} | {' | '.join(cells)} |")
    lines += [
        "",
        "## A minimum cut for each decision",
        "",
        _MIN_CUT,
        "",
        "| model | table | scipy | Dinic | networkx | table is faster by |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        cells = [_cell(row[engine], 1e3) for engine in ("light", "scipy", "dinic", "networkx")]
        fastest_s = min(row[engine]["median_s"] for engine in ("scipy", "dinic", "networkx"))
        lines.append(f"| {row['model']} | {' | '.join(cells)} | {fastest_s / row['light']['median_s']:,.0f} times |")
    lines += ["", "## Wanted and measured", "", "| model | figure | wanted | measured | |", "|---|---|--:|--:|---|"]
    for row in rows:
        lines += [_verdict(row["model"], *figure) for figure in _figures(row)]
    return "\n".join(lines) + "\n"


def _cell(spread: Mapping[str, float], scale: float) -> str:
    median, fastest, slowest = (_digits(spread[key] * scale) for key in ("median_s", "min_s", "max_s"))
    return f"{median} ({fastest} to {slowest})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _figures(row: Mapping[str, Any]) -> list[tuple[str, float, float, str]]:
    """Returns a model's figures: name, wanted seconds, measured seconds, unit."""
    figures = [("build", BUILD_S, row["build"]["median_s"], "ms")]
    wanted_s = DECIDE_S.get(row["model"], DECIDE_FEW_S if row["sets"] < FEW_SETS else None)
    if wanted_s is not None:
        figures += [(f"re-decide {load}", wanted_s, row[load]["median_s"], "µs") for load in ("light", "heavy")]
    return figures


def _verdict(model: str, figure: str, wanted_s: float, measured_s: float, unit: str) -> str:
    scale = {"ms": 1e3, "µs": 1e6}[unit]
    kept = "kept" if measured_s <= wanted_s else "**missed**"
    return f"| {model} | {figure} | ≤ {wanted_s * scale:g} {unit} | {_digits(measured_s * scale)} {unit} | {kept} |"
