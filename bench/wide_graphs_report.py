"""What `bench.wide_graphs` measured, as a page to read: one row for each kind and size, beside the aim."""

from collections.abc import Mapping
from typing import Any

AIM, AIM_S = 1.05, 4.0

_ABOUT = (
    "Random graphs, all too wide to list their closed sets, each with uplinks of {uplinks} Mbit/s; the kinds are "
    "described in `bench/wide_kinds.py`. A ratio is what was found over what was proven: 1 is certainly the "
    "optimum. Each cell is the worst of its graphs. Cuts: weighted cuts alone, for the smallest bottleneck. "
    "Smallest bottleneck: `dsh` without a rate. Lowest latency: `dsh` with a rate whose period is 1.03 times that "
    "bottleneck. Seconds are of processor time, for one call, the slower of the two."
)


def markdown(data: Mapping[str, Any]) -> str:
    """Returns the page for what `wide_graphs.json` holds."""
    rows = data["rows"]
    versions = ", ".join(f"{package} {data['versions'][package]}" for package in ("numpy", "scipy"))
    uplinks = ", ".join(f"{bps / 1e6:g}" for bps in sorted({row["uplink_bps"] for row in rows}))
    about = (
        f"{data['date']}; {data['processor']}, {data['cores']} cores, {data['system']}; Python {data['python']}, "
        f"{versions}. One thread."
    )
    lines = [
        "# Heavy load beyond the table",
        "",
        "Written by `python -m bench.wide_graphs`; every graph is in `wide_graphs.json`.",
        "",
        about,
        *(["", f"**Note:** {data['note']}"] if data["note"] else []),
        "",
        _ABOUT.format(uplinks=uplinks),
        "",
        f"Aim: a ratio of at most {AIM} within {AIM_S:g} s.",
        "",
        "| graph | layers | calls | cuts | smallest bottleneck | lowest latency | slowest call, s | within the aim |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for layers, kind in dict.fromkeys((row["layers"], row["kind"]) for row in rows):
        lines.append(_line(kind, layers, [row for row in rows if (row["layers"], row["kind"]) == (layers, kind)]))
    missed = [row for row in rows for call in _calls(row) if not _within(*call)]
    lines += ["", f"Within the aim: {2 * len(rows) - len(missed)} of {2 * len(rows)} calls."]
    return "\n".join(lines) + "\n"


def _line(kind: str, layers: int, rows: list[Mapping[str, Any]]) -> str:
    cuts, smallest, lowest = (max(row[figure] for row in rows) for figure in ("cuts", "smallest", "lowest"))
    calls = [call for row in rows for call in _calls(row)]
    kept = sum(_within(*call) for call in calls)
    verdict = "all" if kept == len(calls) else f"**{kept} of {len(calls)}**"
    slowest_s = max(took_s for _, took_s in calls)
    return (
        f"| {kind} | {layers:,} | {len(calls)} | {cuts:.3f} | {smallest:.3f} | {lowest:.3f} | {slowest_s:.2f} "
        f"| {verdict} |"
    )


def _calls(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Returns ratio and seconds of both calls."""
    return [(row["smallest"], row["smallest_took_s"]), (row["lowest"], row["lowest_took_s"])]


def _within(ratio: float, took_s: float) -> bool:
    return ratio <= AIM and took_s <= AIM_S
