"""What `bench.decide` measured, as a page to read: the wanted figures beside the measured ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.publishing.figures import Figure, digits, table
from bench.publishing.publish import Report

# Wanted on one core, in seconds.
BUILD_S = 0.100
FEW_SETS = 10_000
DECIDE_FEW_S = 50e-6
DECIDE_S = {"inception_v3": 250e-6}

_TABLE = (
    "Build: from the graph and its times. Re-price: for other times. Re-decide: for another link (200 of them, from "
    "0.1 Mbit/s to 1 Gbit/s) and load factors. Heavy load is measured at a rate that the lowest-latency split does not "
    "keep up with, and another one does where there is one. The edge is eight times slower than the machine."
)
_MIN_CUT = (
    "The same light decision (the split of the lowest latency) without the table, in ms. scipy: "
    "`partitioner.searched.min_cut`, its network built once. Dinic: `partitioner.reference`, plain Python, and "
    "networkx: its default, preflow-push; both build the network for each decision. None of the three answers a heavy "
    "decision. All were checked to find the table's latency. The last column compares the table with the fastest of "
    "the three."
)
_ENGINES = {"table": "light", "scipy": "scipy", "Dinic": "dinic", "networkx": "networkx"}


def report(data: Mapping[str, Any]) -> Report:
    rows = data["rows"]
    return Report(
        title="How long a decision takes",
        method="One thread. Each figure is the median, with the fastest and the slowest run in brackets.",
        figures=[figure for row in rows for figure in _figures(row)],
        body=["## The closed-set table", "", _TABLE, "", *_by_table(rows), "", *_by_cut(rows)],
    )


def _by_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return table(
        {
            "model": row["model"],
            "layers": f"{row['layers']:,}",
            "closed sets": f"{row['sets']:,}",
            "build, ms": _cell(row["build"], 1e3),
            "re-price, ms": _cell(row["reprice"], 1e3),
            "re-decide light, µs": _cell(row["light"], 1e6),
            "re-decide heavy, µs": _cell(row["heavy"], 1e6),
        }
        for row in rows
    )


def _by_cut(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = []
    for row in rows:
        times = {name: _cell(row[engine], 1e3) for name, engine in _ENGINES.items()}
        fastest_s = min(row[engine]["median_s"] for engine in _ENGINES.values() if engine != "light")
        faster = f"{fastest_s / row['light']['median_s']:,.0f} times"
        cells.append({"model": row["model"], **times, "table is faster by": faster})
    return ["## A minimum cut for each decision", "", _MIN_CUT, "", *table(cells)]


def _cell(spread: Mapping[str, float], scale: float) -> str:
    median, fastest, slowest = (digits(spread[key] * scale) for key in ("median_s", "min_s", "max_s"))
    return f"{median} ({fastest} to {slowest})"


def _figures(row: Mapping[str, Any]) -> list[Figure]:
    model = row["model"]
    figures = [Figure(f"{model}: build", 1e3 * BUILD_S, 1e3 * row["build"]["median_s"], "ms")]
    wanted_s = DECIDE_S.get(model, DECIDE_FEW_S if row["sets"] < FEW_SETS else None)
    if wanted_s is not None:
        figures += [
            Figure(f"{model}: re-decide {load}", 1e6 * wanted_s, 1e6 * row[load]["median_s"], "µs")
            for load in ("light", "heavy")
        ]
    return figures
