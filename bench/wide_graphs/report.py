"""What `bench.wide_graphs` measured, as a page to read: split points, then one row for each kind and size searched."""

import statistics
from collections.abc import Callable
from typing import Any

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.publish import Report, from_text

# No aim, but a limit for what the search tree proves: of these graphs, the worst is proven to 1.12. No model looks
# like the worst kinds, and all real wide models that were tried are proven to 1.005.
LIMIT, LIMIT_S = 1.15, 4.0
# Wanted of the split points of real graphs.
DECISION_US, PROVEN, PROVEN_MEDIAN, FASTER, MEMORY_MB = 1000.0, 1.02, 1.015, 1000.0, 100.0
BUILD_S = {1: 3.0, 4: 8.0}
_COUNTS = {1: "one encoding", 4: "four encodings"}
_NOTHING = ["Not measured in this run."]


def report(data: Row) -> Report:
    rows, tables = data["rows"], data.get("tables", [])
    real = [row for row in tables if row["kind"] == "real"]
    calls = _calls(rows)
    worst, worst_kind = max((ratio, kind) for ratio, _, kind in calls)
    slowest_s, slowest_kind = max((took_s, kind) for _, took_s, kind in calls)
    why = f"{worst_kind}: not proven within the minimum cuts"
    return from_text(
        __file__,
        [
            Figure("proven ratio of the worst call", LIMIT, worst, why=why),
            Figure("slowest call", LIMIT_S, slowest_s, "s", why=slowest_kind),
            *(_table_figures(real) if real else []),
        ],
        real=table((_table_cells(row) for row in real), texts=2) or _NOTHING,
        rates=table((_rate_cells(row) for row in real), texts=2) or _NOTHING,
        random=table(_random_cells(row) for row in tables if row["kind"] == "random") or _NOTHING,
        uplinks=", ".join(f"{bps / 1e6:g}" for bps in sorted({row["uplink_bps"] for row in rows})),
        kinds=table(_cells(found, *key) for key, found in grouped(rows, "layers", "kind").items()),
        limit=LIMIT,
        limit_s=LIMIT_S,
        within=_within(calls),
        calls=len(calls),
    )


def _table_figures(real: list[Row]) -> list[Figure]:
    def worst(value: Callable[[Row], float], rows: list[Row]) -> tuple[float, str]:
        return max((value(row), f"{row['graph']}, {row['encodings']} encodings") for row in rows)

    figures = [
        ("slowest decision of split points", DECISION_US, "µs", lambda row: row["heavy_us"]["worst"]),
        ("light load over its bound", 1.0 + 1e-9, "", lambda row: row["light"]["worst"]),
        ("heavy load over its bound, worst", PROVEN, "", lambda row: row["heavy"]["worst"]),
        ("heavy load over its bound, median", PROVEN_MEDIAN, "", lambda row: row["heavy"]["median"]),
        ("memory of a build", MEMORY_MB, "MB", lambda row: row["memory_mb"]),
    ]
    found = []
    for what, limit, unit, value in figures:
        measured, why = worst(value, real)
        found.append(Figure(what, limit, measured, unit, why=why))
    for count, limit_s in BUILD_S.items():
        some = [row for row in real if row["encodings"] == count]
        if some:
            measured, why = worst(lambda row: row["build_s"], some)
            found.append(Figure(f"build with {_COUNTS[count]}", limit_s, measured, "s", why=why))
    faster = statistics.median(_faster(row, "heavy") for row in real)
    found.append(Figure("heavy load: times faster than a search, median", FASTER, faster, at_most=False))
    return found


def _faster(row: Row, load: str) -> float:
    return float(row["searched"][f"{load}_s"]["median"] / row[f"{load}_us"]["median"] * 1e6)


def _table_cells(row: Row) -> dict[str, Any]:
    return {
        "graph": row["graph"],
        "encodings": str(row["encodings"]),
        "layers": f"{row['layers']:,}",
        "build, s": f"{row['build_s']:.2f}",
        "MB": f"{row['memory_mb']:.0f}",
        "points": f"{row['points']:,}",
        "light, µs": _median_and_worst(row["light_us"], ".0f"),
        "heavy, µs": _median_and_worst(row["heavy_us"], ".0f"),
        "heavy ratio": _median_and_worst(row["heavy"], ".4f"),
        "search light, ms": _median_and_worst(row["searched"]["light_s"], ".1f", 1e3),
        "search heavy, ms": _median_and_worst(row["searched"]["heavy_s"], ".0f", 1e3),
        "faster, light and heavy": f"{_faster(row, 'light'):,.0f}, {_faster(row, 'heavy'):,.0f}",
    }


def _rate_cells(row: Row) -> dict[str, Any]:
    return {
        "graph": row["graph"],
        "encodings": str(row["encodings"]),
        **{f"{float(share):.0%}": _median_and_worst(ratios, ".3f") for share, ratios in row["rates"].items()},
    }


def _random_cells(row: Row) -> dict[str, Any]:
    return {
        "graph": row["graph"],
        "build, s": f"{row['build_s']:.2f}",
        "points": f"{row['points']:,}",
        "heavy, µs": _median_and_worst(row["heavy_us"], ".0f"),
        "heavy ratio": _median_and_worst(row["heavy"], ".3f"),
        "over the search's split": _median_and_worst(row["searched"]["ratio"], ".3f"),
        "search heavy, ms": _median_and_worst(row["searched"]["heavy_s"], ".0f", 1e3),
    }


def _median_and_worst(spread: Row, form: str, scale: float = 1.0) -> str:
    return f"{spread['median'] * scale:{form}} ({spread['worst'] * scale:{form}})"


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
