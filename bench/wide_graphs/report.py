"""What `bench.wide_graphs` measured, as a page to read: one row for each kind and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.publish import Report

__all__ = ["report"]

# No aim, but a limit for what the search tree proves: of these graphs, the worst is proven to 1.12. No model looks
# like the worst kinds, and all real wide models that were tried are proven to 1.005.
LIMIT, LIMIT_S = 1.15, 4.0

_METHOD = (
    "Random graphs, all too wide to list their closed sets, each with uplinks of {uplinks} Mbit/s; the kinds are "
    "described in `bench/wide_graphs/kinds.py`. A ratio is what was found over what was proven: 1 is certainly the "
    "optimum. Each cell is the worst of its graphs. Cuts: weighted cuts alone, for the smallest bottleneck. "
    "Smallest bottleneck: `dsh` without a rate. Lowest latency: `dsh` with a rate whose period is 1.03 times that "
    "bottleneck. The search stops at a ratio of 1.005 or after 300 minimum cuts. "
    "Seconds are of one thread's processor time, for one call, the slower of the two."
)

Row = Mapping[str, Any]


def report(data: Mapping[str, Any]) -> Report:
    """Returns the page's contents."""
    rows = data["rows"]
    cells = []
    for layers, kind in dict.fromkeys((row["layers"], row["kind"]) for row in rows):
        cells.append(_cells([row for row in rows if (row["layers"], row["kind"]) == (layers, kind)]))
    calls = [call for row in rows for call in _calls(row)]
    missed = sum(not _within(*call) for call in calls)
    head = (
        "graph",
        "layers",
        "calls",
        "cuts",
        "smallest bottleneck",
        "lowest latency",
        "slowest call, s",
        "within the limits",
    )
    worst = max((call[0], row["kind"]) for row in rows for call in _calls(row))
    slowest = max((call[1], row["kind"]) for row in rows for call in _calls(row))
    uplinks = ", ".join(f"{bps / 1e6:g}" for bps in sorted({row["uplink_bps"] for row in rows}))
    return Report(
        title="Heavy load where splits are searched",
        method=_METHOD.format(uplinks=uplinks),
        figures=[
            Figure(
                "proven ratio of the worst call", LIMIT, worst[0], why=f"{worst[1]}: not proven within the minimum cuts"
            ),
            Figure("slowest call", LIMIT_S, slowest[0], "s", why=f"{slowest[1]}"),
        ],
        body=[
            *table(dict(zip(head, row, strict=True)) for row in cells),
            "",
            f"Within a ratio of {LIMIT} and {LIMIT_S:g} s: {len(calls) - missed} of {len(calls)} calls.",
        ],
    )


def _cells(rows: Sequence[Row]) -> tuple[str, ...]:
    cuts, smallest, lowest = (max(row[figure] for row in rows) for figure in ("cuts", "smallest", "lowest"))
    calls = [call for row in rows for call in _calls(row)]
    kept = sum(_within(*call) for call in calls)
    verdict = "all" if kept == len(calls) else f"**{kept} of {len(calls)}**"
    slowest_s = max(took_s for _, took_s in calls)
    ratios = [f"{ratio:.3f}" for ratio in (cuts, smallest, lowest)]
    return rows[0]["kind"], f"{rows[0]['layers']:,}", str(len(calls)), *ratios, f"{slowest_s:.2f}", verdict


def _calls(row: Row) -> list[tuple[float, float]]:
    """Returns ratio and seconds of both calls."""
    return [(row["smallest"], row["smallest_took_s"]), (row["lowest"], row["lowest_took_s"])]


def _within(ratio: float, took_s: float) -> bool:
    return ratio <= LIMIT and took_s <= LIMIT_S
