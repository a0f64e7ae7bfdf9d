"""What `bench.cloud_cost` measured, as a page."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.publish import Report, from_text

COST, GOODPUT, COST_AT_RATE = 0.4, 2.2, 0.65
# Cases that are wanted; the others are shown.
_SATURATED, _PACED = "saturated", "4 Hz a camera"
_WHY = "where the rest goes is in docs/decisions/0348"


def report(data: Row) -> Report:
    rows = {row["case"]: row for row in data["rows"]}
    saturated, paced = rows[_SATURATED], rows[_PACED]
    cost = "processor time per answered frame, over that before"
    figures = [
        Figure(f"saturated: {cost}", COST, _cost(saturated), "x", why=_WHY),
        Figure("saturated: goodput over that before", GOODPUT, _goodput(saturated), "x", at_most=False, why=_WHY),
        Figure(f"4 Hz a camera: {cost}", COST_AT_RATE, _cost(paced), "x", why=_WHY),
    ]
    told = {name: data[name] for name in ("revision", "kilobytes", "edges", "unanswered", "rounds", "seconds")}
    cells = [cell for row in data["rows"] for cell in _cells(row)]
    ratios = [_ratios(row) for row in data["rows"]]
    return from_text(__file__, figures, **told, builds=table(cells, texts=2), ratios=table(ratios))


def _frame_us(found: Row) -> float:
    return float(1e6 * found["processor_s"] / found["answered"])


def _rate_hz(found: Row) -> float:
    return float(found["answered"] / found["seconds"])


def _turns(row: Row) -> list[tuple[Row, Row]]:
    """Both builds, turn by turn: a ratio within a turn is of one moment of the machine."""
    return list(zip(row["before"], row["today"], strict=True))


def _cost(row: Row) -> float:
    return median(_frame_us(today) / _frame_us(before) for before, today in _turns(row))


def _goodput(row: Row) -> float:
    return median(_rate_hz(today) / _rate_hz(before) for before, today in _turns(row))


def _cells(row: Row) -> Iterator[dict[str, Any]]:
    for build in ("before", "today"):
        found = row[build]
        yield {
            "load": row["case"],
            "build": build,
            "µs a frame": median(map(_frame_us, found)),
            "frames/s": median(map(_rate_hz, found)),
            "median, ms": 1000 * median(each["median_s"] for each in found),
            "99 %, ms": 1000 * median(each["p99_s"] for each in found),
            "load told": median(float(each["load"]) for each in found),
        }


def _ratios(row: Row) -> dict[str, Any]:
    costs = [_frame_us(today) / _frame_us(before) for before, today in _turns(row)]
    return {
        "load": row["case"],
        "processor time, today / before": f"{_cost(row):.2f}",
        "least and most of the turns": f"{min(costs):.2f} to {max(costs):.2f}",
        "goodput, today / before": f"{_goodput(row):.2f}",
    }
