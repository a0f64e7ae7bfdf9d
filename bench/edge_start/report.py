"""What `bench.edge_start` measured, as a page."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.publish import Report, from_text

RESIDENT, READY, PACKAGES, SECOND = 0.35, 0.2, 0.40, 0.3
_LARGEST = 8
_NAMES = {"today": "before engines, with torch", "file": "from a model file", "profiled": "from a file, profile given"}


def report(data: Row) -> Report:
    before, now = data["edges"]["today"], data["edges"]["file"]
    sizes = {way: sum(found.values()) for way, found in data["packages"].items()}
    figures = [
        Figure("largest resident memory over that before", RESIDENT, _ratio(now, before, "resident_bytes"), "x"),
        Figure("time until ready for the first frame, over that before", READY, _ratio(now, before, "ready_s"), "x"),
        Figure("packages that pip install . brings, over those before", PACKAGES, sizes["file"] / sizes["today"], "x"),
    ]
    if "profiled" in data["edges"]:
        ready = _ratio(data["edges"]["profiled"], before, "ready_s")
        figures.append(Figure("the same, with the profile of an equal machine", READY, ready, "x"))
    if data["twice"]:
        over = {row["model"]: row["second"]["ready_s"] / row["first"]["ready_s"] for row in data["twice"]}
        worst = max(over, key=lambda model: over[model])
        figures.append(Figure("second start over the first, worst model", SECOND, over[worst], "x", why=worst))
    return from_text(
        __file__,
        figures,
        model=data["model"],
        revision=data["revision"],
        frames=data["frames"],
        rounds=data["rounds"],
        edges=table([_edge(way, rows, sizes.get(way, sizes["file"])) for way, rows in data["edges"].items()]),
        packages=table(_packages(data["packages"])),
        twice=table(map(_twice, data["twice"])) or "Not measured in the short form.",
    )


def _ratio(rows: list[Row], others: list[Row], name: str) -> float:
    return float(_median(rows, name) / _median(others, name))


def _median(rows: list[Row], name: str) -> float:
    return float(median(row[name] for row in rows))


def _edge(way: str, rows: list[Row], size: int) -> dict[str, Any]:
    return {
        "edge": _NAMES[way],
        "ready, s": _median(rows, "ready_s"),
        "first result, s": _median(rows, "first_result_s"),
        "resident, MB": _median(rows, "resident_bytes") / 1e6,
        "packages, MB": size / 1e6,
    }


def _packages(found: Row) -> Iterable[dict[str, Any]]:
    """The largest packages of either, and the rest."""
    names = sorted({name for sizes in found.values() for name in sizes}, key=lambda name: -_most(found, name))
    for name in names[:_LARGEST]:
        yield {"package": name, **{_NAMES[way]: _mb(sizes.get(name)) for way, sizes in found.items()}}
    rest = {way: sum(sizes.get(name, 0) for name in names[_LARGEST:]) for way, sizes in found.items()}
    yield {"package": "all others", **{_NAMES[way]: _mb(size) for way, size in rest.items()}}


def _most(found: Row, name: str) -> int:
    return max(int(sizes.get(name, 0)) for sizes in found.values())


def _mb(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.1f}"


def _twice(row: Row) -> dict[str, Any]:
    first_s, second_s = row["first"]["ready_s"], row["second"]["ready_s"]
    return {"model": row["model"], "first, s": first_s, "second, s": second_s, "ratio": f"{second_s / first_s:.2f}"}
