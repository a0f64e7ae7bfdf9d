"""What `bench.rpc_overhead` measured, as a page."""

from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, digits, grouped, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report, from_text

# Wanted: milliseconds more up to 100 kB on loopback, times as long at 1 to 4 MB there, times as long on links.
MORE_MS, TIMES, TIMES_ON_LINKS = 0.3, 3.5, 1.03
SMALL_BYTES, LARGE_BYTES = 100_000, (1_000_000, 4_000_000)

_NAMES = {"stream": "StreamTails", "unary": "RunTail"}
_COMPARED = {"bare": "bare gRPC", **_NAMES}
_PARTS = {"hop": "queue_s", "decoding": "decode_s", "tail": "compute_s"}
_WHY = {
    "stream": "where the rest goes is below (docs/decisions/0020)",
    "unary": "the rest is Python, and a call of its own for each frame: headers, and two more passes through "
    "asyncio on each side; an agent's frames go through StreamTails",
}


def report(data: Row) -> Report:
    local = [row for row in data["rows"] if row["kind"] is None]
    places = grouped([row for row in data["rows"] if row["kind"] is not None], "kind", "rtt_s")
    figures = [figure for way in _NAMES for figure in _local_figures(local, way)]
    figures += [_link_figure(found, way, *place) for place, found in places.items() for way in _NAMES]
    links = []
    for (kind, rtt_s), found in places.items():
        tcp = ", ".join(sorted({row["congestion"] for row in found}))
        links += ["", f"## Links of kind `{kind}`, {1000 * rtt_s:g} ms round trip, TCP {tcp}", "", *_table(found)]
    small = [row for row in data["rows"] if row["bytes"] <= SMALL_BYTES]
    caption = "Loopback: milliseconds of a round trip over the tensor's size."
    plots = [Plot("sizes", caption, partial(_draw, local))]
    return from_text(__file__, figures, plots, loopback=_table(local), links=links[1:], parts=table(map(_parts, small)))


def _ms(row: Row, way: str) -> float:
    return 1000 * float(median(row["samples_s"][way]))


def _more_ms(row: Row, way: str) -> float:
    return _ms(row, way) - _ms(row, "raw")


def _times(row: Row, way: str) -> float:
    return _ms(row, way) / _ms(row, "raw")


def _local_figures(local: list[Row], way: str) -> list[Figure]:
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


def _link_figure(found: list[Row], way: str, kind: str, rtt_s: float) -> Figure:
    worst = max(found, key=lambda row: _times(row, way))
    why = (
        f"worst at {_rate(worst)} Mbit/s, {worst['bytes'] / 1000:g} kB, where bare gRPC takes "
        f"{_times(worst, 'bare'):.2f} x: what a call costs by itself shows beside a message that is soon sent"
    )
    what = f"{kind}, {1000 * rtt_s:g} ms: {_NAMES[way]}, times raw on links up to 100 Mbit/s"
    return Figure(what, TIMES_ON_LINKS, _times(worst, way), "x", why=why)


def _rate(row: Row) -> str:
    return "" if row["rate_bps"] is None else f"{row['rate_bps'] / 1e6:g}"


def _table(rows: list[Row]) -> list[str]:
    return table(map(_cells, rows), texts=0)


def _cells(row: Row) -> dict[str, Any]:
    samples_s = {name: row["samples_s"][way] for way, name in {"raw": "raw", **_COMPARED}.items()}
    return {
        "Mbit/s": _rate(row),
        "kB": row["bytes"] / 1000,
        "times": row["repeats"],
        **{f"{n}, ms": f"{digits(1000 * median(s))} ({digits(1000 * min(s))})" for n, s in samples_s.items()},
        **{f"{name} less raw, ms": _more_ms(row, way) for way, name in _COMPARED.items()},
        **{f"{name} / raw": f"{_times(row, way):.3f}" for way, name in _COMPARED.items()},
    }


def _parts(row: Row) -> dict[str, Any]:
    told_ms = {part: 1000 * median(seconds) for part, seconds in row["server_s"].items()}
    server_ms, parts_ms = told_ms["server_s"], {name: told_ms[part] for name, part in _PARTS.items()}
    return {
        "link": row["kind"] or "loopback",
        "Mbit/s": _rate(row),
        "kB": row["bytes"] / 1000,
        "raw": _ms(row, "raw"),
        "bare gRPC less raw": _more_ms(row, "bare"),
        "StreamTails less raw": _more_ms(row, "stream"),
        **parts_ms,
        "else in the server": server_ms - sum(parts_ms.values()),
        "outside": _more_ms(row, "stream") - server_ms,
    }


def _draw(local: list[Row], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    sizes = [row["bytes"] / 1000 for row in local]
    for (way, name), style in zip({"raw": "raw socket", **_COMPARED}.items(), STYLES, strict=False):
        axes.plot(sizes, [_ms(row, way) for row in local], **style.of_line, label=name)
    axes.set(xscale="log", yscale="log", xlabel="tensor (kB)", ylabel="round trip (ms)")
    axes.legend()
