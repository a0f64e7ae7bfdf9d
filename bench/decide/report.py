"""What `bench.decide` measured, as a page to read: the wanted figures beside the measured ones."""

from typing import Any

from bench.publishing.figures import Figure, Row, digits, table
from bench.publishing.publish import Report, from_text

# Wanted on one core, in seconds.
BUILD_S, DECIDE_FEW_S, DECIDE_S = 0.100, 50e-6, {"inception_v3": 250e-6}
FEW_SETS = 10_000
_ENGINES = {"scipy": "scipy", "Dinic": "dinic", "networkx": "networkx"}


def report(data: Row) -> Report:
    rows = data["rows"]
    figures = [figure for row in rows for figure in _figures(row)]
    return from_text(__file__, figures, by_table=table(map(_by_table, rows)), by_cut=table(map(_by_cut, rows)))


def _by_table(row: Row) -> dict[str, str]:
    return {
        "model": row["model"],
        "layers": f"{row['layers']:,}",
        "closed sets": f"{row['sets']:,}",
        "build, ms": _cell(row["build"], 1e3),
        "re-price, ms": _cell(row["reprice"], 1e3),
        "re-decide light, µs": _cell(row["light"], 1e6),
        "re-decide heavy, µs": _cell(row["heavy"], 1e6),
    }


def _by_cut(row: Row) -> dict[str, Any]:
    times = {name: _cell(row[engine], 1e3) for name, engine in {"table": "light", **_ENGINES}.items()}
    fastest_s = min(row[engine]["median_s"] for engine in _ENGINES.values())
    return {"model": row["model"], **times, "table is faster by": f"{fastest_s / row['light']['median_s']:,.0f} times"}


def _cell(spread: Row, scale: float) -> str:
    median, fastest, slowest = (digits(spread[key] * scale) for key in ("median_s", "min_s", "max_s"))
    return f"{median} ({fastest} to {slowest})"


def _figures(row: Row) -> list[Figure]:
    model = row["model"]
    wanted_s = DECIDE_S.get(model, DECIDE_FEW_S if row["sets"] < FEW_SETS else None)
    loads = () if wanted_s is None else ("light", "heavy")
    return [
        Figure(f"{model}: build", 1e3 * BUILD_S, 1e3 * row["build"]["median_s"], "ms"),
        *(
            Figure(f"{model}: re-decide {load}", 1e6 * (wanted_s or 0.0), 1e6 * row[load]["median_s"], "µs")
            for load in loads
        ),
    ]
