"""What `bench.wide_graphs` measured, as a page to read: one row for each kind and size."""

from typing import Any

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.publish import Report, from_text

# No aim, but a limit for what the search tree proves: of these graphs, the worst is proven to 1.12. No model looks
# like the worst kinds, and all real wide models that were tried are proven to 1.005.
LIMIT, LIMIT_S = 1.15, 4.0


def report(data: Row) -> Report:
    rows = data["rows"]
    calls = _calls(rows)
    worst, worst_kind = max((ratio, kind) for ratio, _, kind in calls)
    slowest_s, slowest_kind = max((took_s, kind) for _, took_s, kind in calls)
    why = f"{worst_kind}: not proven within the minimum cuts"
    return from_text(
        __file__,
        [
            Figure("proven ratio of the worst call", LIMIT, worst, why=why),
            Figure("slowest call", LIMIT_S, slowest_s, "s", why=slowest_kind),
        ],
        uplinks=", ".join(f"{bps / 1e6:g}" for bps in sorted({row["uplink_bps"] for row in rows})),
        kinds=table(_cells(found, *key) for key, found in grouped(rows, "layers", "kind").items()),
        limit=LIMIT,
        limit_s=LIMIT_S,
        within=_within(calls),
        calls=len(calls),
    )


def _calls(rows: list[Row]) -> list[tuple[float, float, str]]:
    """Ratio, seconds and kind of both calls of each row."""
    return [(row[call], row[f"{call}_took_s"], row["kind"]) for row in rows for call in ("smallest", "lowest")]


def _within(calls: list[tuple[float, float, str]]) -> int:
    return sum(ratio <= LIMIT and took_s <= LIMIT_S for ratio, took_s, _ in calls)


def _cells(rows: list[Row], layers: int, kind: str) -> dict[str, Any]:
    calls = _calls(rows)
    kept = _within(calls)
    names = {"cuts": "cuts", "smallest": "smallest bottleneck", "lowest": "lowest latency"}
    return {
        "graph": kind,
        "layers": f"{layers:,}",
        "calls": len(calls),
        **{name: f"{max(row[figure] for row in rows):.3f}" for figure, name in names.items()},
        "slowest call, s": f"{max(took_s for _, took_s, _ in calls):.2f}",
        "within the limits": "all" if kept == len(calls) else f"**{kept} of {len(calls)}**",
    }
