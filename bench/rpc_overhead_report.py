"""What `bench.rpc_overhead` measured, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure, digits, table
from bench.plots import STYLES, drawing
from bench.publish import Plot, Report

__all__ = ["report"]

# Wanted: milliseconds more up to 100 kB on loopback, times as long at 1 to 4 MB there, times as long on links.
MORE_MS, TIMES, TIMES_ON_LINKS = 0.3, 3.5, 1.03
SMALL_BYTES, LARGE_BYTES = 100_000, (1_000_000, 4_000_000)

_METHOD = (
    "Round trips of a tensor and an answer of 1 kB: from a numpy array on the edge to a torch tensor in the cloud, a "
    "tail that takes 1 kB out of it, and the answer's array on the edge, against a plain TCP socket that moves as many "
    "bytes and does nothing with them. The three take turns. Milliseconds: the middle one, and in brackets the least. "
    "Compared are the middle ones. On loopback there is no link to wait for, so everything that is done to the bytes "
    "shows; on a link of kind `tbf`, which has no delay, nothing hides it either (10 kB would pass in its bucket)."
)
_NAMES = {"stream": "StreamTails", "unary": "RunTail"}
_WHY_UNARY = (
    "a call of its own for each frame: headers, and two more passes through asyncio on each side; an agent's frames "
    "go through StreamTails"
)
_WHY = (
    "some 0.25 ms are gRPC's framing and asyncio's wake-ups for a canned answer, 0.1 ms our client's and 0.5 ms our "
    "server's Python, which each frame finds out of the cache (docs/decisions/0020); up to 1 MB that is most of it"
)
_WHY_SMALL = "what a call costs by itself, which a link without delay does not hide from a message of {size:g} kB"

Row = Mapping[str, Any]


def report(data: Mapping[str, Any]) -> Report:
    """Returns the page's contents."""
    rows = data["rows"]
    local = [row for row in rows if row["kind"] is None]
    figures = [figure for way in _NAMES for figure in _local_figures(local, way)]
    places: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        if row["kind"] is not None:
            places.setdefault((row["kind"], row["rtt_s"]), []).append(row)
    figures += [_link_figure(place, found, way) for place, found in places.items() for way in _NAMES]
    body = ["## Loopback", "", *_table(local)]
    for (kind, rtt_s), found in places.items():
        tcp = ", ".join(sorted({row["congestion"] for row in found}))
        body += ["", f"## Links of kind `{kind}`, {1000 * rtt_s:g} ms round trip, TCP {tcp}", "", *_table(found)]
    return Report(
        title="RPC overhead: a tensor through gRPC against a raw socket",
        method=_METHOD,
        figures=figures,
        body=body,
        plots=[
            Plot("sizes", "Loopback: milliseconds of a round trip over the tensor's size.", lambda p: _draw(local, p))
        ],
    )


def _ms(row: Row, way: str) -> float:
    return 1000 * float(median(row["samples_s"][way]))


def _local_figures(local: Sequence[Row], way: str) -> list[Figure]:
    more = [_ms(row, way) - _ms(row, "raw") for row in local if row["bytes"] <= SMALL_BYTES]
    times = [_ms(row, way) / _ms(row, "raw") for row in local if row["bytes"] in LARGE_BYTES]
    why = _WHY_UNARY if way == "unary" else _WHY
    return [
        Figure(f"loopback: {_NAMES[way]}, more than raw up to 100 kB", MORE_MS, max(more, default=None), "ms", why=why),
        Figure(f"loopback: {_NAMES[way]}, times raw at 1 to 4 MB", TIMES, max(times, default=None), "x", why=why),
    ]


def _link_figure(place: tuple[str, float], found: Sequence[Row], way: str) -> Figure:
    kind, rtt_s = place
    ratio, worst = max(((_ms(row, way) / _ms(row, "raw"), row) for row in found), key=lambda pair: pair[0])
    at = f"worst at {worst['rate_bps'] / 1e6:g} Mbit/s, {worst['bytes'] / 1000:g} kB: "
    why = at + _WHY_SMALL.format(size=worst["bytes"] / 1000)
    return Figure(
        f"{kind}, {1000 * rtt_s:g} ms: {_NAMES[way]}, times raw on links up to 100 Mbit/s",
        TIMES_ON_LINKS,
        ratio,
        "x",
        why=why,
    )


def _table(rows: Sequence[Row]) -> list[str]:
    head = ["Mbit/s", "kB", "times", "raw, ms", "StreamTails, ms", "RunTail, ms"]
    head += ["StreamTails less raw, ms", "RunTail less raw, ms", "StreamTails / raw", "RunTail / raw"]
    cells = []
    for row in rows:
        raw_ms = _ms(row, "raw")
        rate = "" if row["rate_bps"] is None else f"{row['rate_bps'] / 1e6:g}"
        times = [f"{digits(_ms(row, way))} ({digits(1000 * min(row['samples_s'][way]))})" for way in ("raw", *_NAMES)]
        more = [digits(_ms(row, way) - raw_ms) for way in _NAMES]
        ratios = [f"{_ms(row, way) / raw_ms:.3f}" for way in _NAMES]
        cells.append((rate, digits(row["bytes"] / 1000), str(row["repeats"]), *times, *more, *ratios))
    return table(head, cells, texts=0)


def _draw(local: Sequence[Row], path: Path) -> None:
    with drawing(path) as figure:
        axes = figure.add_subplot()
        sizes = [row["bytes"] / 1000 for row in local]
        for (way, name), style in zip({"raw": "raw socket", **_NAMES}.items(), STYLES, strict=False):
            axes.plot(sizes, [_ms(row, way) for row in local], **style.of_line, label=name)
        axes.set(xscale="log", yscale="log", xlabel="tensor (kB)", ylabel="round trip (ms)")
        axes.legend()
