"""What `bench.rpc_overhead` measured, as a page."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, digits, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report

# Wanted: milliseconds more up to 100 kB on loopback, times as long at 1 to 4 MB there, times as long on links.
MORE_MS, TIMES, TIMES_ON_LINKS = 0.3, 3.5, 1.03
SMALL_BYTES, LARGE_BYTES = 100_000, (1_000_000, 4_000_000)

_METHOD = (
    "Round trips of a tensor and an answer of 1 kB: from a numpy array on the edge to a torch tensor in the cloud, a "
    "tail that takes 1 kB out of it, and the answer's array on the edge. Against a plain TCP socket that moves as many "
    "bytes and does nothing with them; bare is a gRPC stream between two asyncio programs that does as little: what is "
    "gRPC's own and not this project's. All take turns. Milliseconds: the middle one, and in brackets the least. "
    "Compared are the middle ones. On loopback there is no link to wait for, so everything that is done to the bytes "
    "shows; on a link of kind `tbf`, which has no delay, nothing hides it either (10 kB would pass in its bucket)."
)
_PARTS_METHOD = (
    "Milliseconds, the middle ones, of tensors up to 100 kB. In the server: the hop to the worker thread, decoding, "
    "the tail itself, and what else there is (admission, the hop back, the answer, counting). Outside: the edge's "
    "encoding and writing, and gRPC at both ends; bare gRPC is beside it. On loopback turns follow each other at once; "
    "on a link both processes wait before each turn's work, and find it out of the caches."
)
_NAMES = {"stream": "StreamTails", "unary": "RunTail"}
_COMPARED = {"bare": "bare gRPC", **_NAMES}
_WHY = {
    "stream": "where the rest goes is below (docs/decisions/0020)",
    "unary": "the rest is Python, and a call of its own for each frame: headers, and two more passes through "
    "asyncio on each side; an agent's frames go through StreamTails",
}

Row = Mapping[str, Any]


def report(data: Mapping[str, Any]) -> Report:
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
    small = [row for row in rows if row["bytes"] <= SMALL_BYTES]
    body += ["", "## Where StreamTails' time goes", "", _PARTS_METHOD, "", *table(map(_parts, small))]
    caption = "Loopback: milliseconds of a round trip over the tensor's size."
    return Report(
        title="RPC overhead: a tensor through gRPC against a raw socket",
        method=_METHOD,
        figures=figures,
        body=body,
        plots=[Plot("sizes", caption, lambda to: _draw(local, to))],
    )


def _ms(row: Row, way: str) -> float:
    return 1000 * float(median(row["samples_s"][way]))


def _more_ms(row: Row, way: str) -> float:
    return _ms(row, way) - _ms(row, "raw")


def _times(row: Row, way: str) -> float:
    return _ms(row, way) / _ms(row, "raw")


def _local_figures(local: Sequence[Row], way: str) -> list[Figure]:
    small = [row for row in local if row["bytes"] <= SMALL_BYTES]
    large = [row for row in local if row["bytes"] in LARGE_BYTES]
    figures = []
    for rows, what, wanted, of, unit in (
        (small, "more than raw up to 100 kB", MORE_MS, _more_ms, "ms"),
        (large, "times raw at 1 to 4 MB", TIMES, _times, "x"),
    ):
        worst = max(rows, key=lambda row: of(row, way))
        why = f"bare gRPC {digits(of(worst, 'bare'))} {unit} at {worst['bytes'] / 1000:g} kB; {_WHY[way]}"
        figures.append(Figure(f"loopback: {_NAMES[way]}, {what}", wanted, of(worst, way), unit, why=why))
    return figures


def _link_figure(place: tuple[str, float], found: Sequence[Row], way: str) -> Figure:
    kind, rtt_s = place
    worst = max(found, key=lambda row: _times(row, way))
    why = (
        f"worst at {worst['rate_bps'] / 1e6:g} Mbit/s, {worst['bytes'] / 1000:g} kB, where bare gRPC takes "
        f"{_times(worst, 'bare'):.2f} x: what a call costs by itself shows beside a message that is soon sent"
    )
    what = f"{kind}, {1000 * rtt_s:g} ms: {_NAMES[way]}, times raw on links up to 100 Mbit/s"
    return Figure(what, TIMES_ON_LINKS, _times(worst, way), "x", why=why)


def _rate(row: Row) -> str:
    return "" if row["rate_bps"] is None else f"{row['rate_bps'] / 1e6:g}"


def _table(rows: Sequence[Row]) -> list[str]:
    cells = []
    for row in rows:
        cell: dict[str, Any] = {"Mbit/s": _rate(row), "kB": row["bytes"] / 1000, "times": row["repeats"]}
        for way, name in {"raw": "raw", **_COMPARED}.items():
            cell[f"{name}, ms"] = f"{digits(_ms(row, way))} ({digits(1000 * min(row['samples_s'][way]))})"
        cell |= {f"{name} less raw, ms": _more_ms(row, way) for way, name in _COMPARED.items()}
        cells.append(cell | {f"{name} / raw": f"{_times(row, way):.3f}" for way, name in _COMPARED.items()})
    return table(cells, texts=0)


def _parts(row: Row) -> dict[str, Any]:
    server_ms, hop_ms, decode_ms, tail_ms = (
        1000 * median(row["server_s"][part]) for part in ("server_s", "queue_s", "decode_s", "compute_s")
    )
    return {
        "link": row["kind"] or "loopback",
        "Mbit/s": _rate(row),
        "kB": row["bytes"] / 1000,
        "raw": _ms(row, "raw"),
        "bare gRPC less raw": _more_ms(row, "bare"),
        "StreamTails less raw": _more_ms(row, "stream"),
        "hop": hop_ms,
        "decoding": decode_ms,
        "tail": tail_ms,
        "else in the server": server_ms - hop_ms - decode_ms - tail_ms,
        "outside": _more_ms(row, "stream") - server_ms,
    }


def _draw(local: Sequence[Row], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    sizes = [row["bytes"] / 1000 for row in local]
    for (way, name), style in zip({"raw": "raw socket", **_COMPARED}.items(), STYLES, strict=False):
        axes.plot(sizes, [_ms(row, way) for row in local], **style.of_line, label=name)
    axes.set(xscale="log", yscale="log", xlabel="tensor (kB)", ylabel="round trip (ms)")
    axes.legend()
