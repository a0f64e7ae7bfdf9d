"""What `bench.packets` measured, as a page."""

from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.publish import Report, from_text

# The bounds: of bytes and latency against the way before, of the 95th percentile in seconds.
BYTES_PACKETS, BYTES_PICTURES, LATENCY, P95_S = 0.10, 0.46, 0.2, 0.3
LATENCY_AT_BPS, P95_AT_BPS = 5e6, 1e6


def report(data: Row) -> Report:
    figures = [
        Figure(
            "bytes a frame as packets, over those before; worst link",
            BYTES_PACKETS,
            max(_bytes(row, "packets") / _bytes(row, "zstd") for row in data["rows"]),
        ),
        Figure(
            "bytes a frame as lossless pictures, over those before; worst link",
            BYTES_PICTURES,
            max(_bytes(row, "pictures") / _bytes(row, "zstd") for row in data["rows"]),
        ),
        *_latency(data),
        *_slow_link(data),
        Figure("results that differ from the whole model's", 0, sum(_verify(row)["different"] for row in data["rows"])),
    ]
    return from_text(
        __file__,
        figures,
        rate=f"{data['rate_hz']:g}",
        slowdown=f"{data['slowdown']:g}",
        runs=table([_cells(row, *group) for row in data["rows"] for group in _by_way(row)], texts=4),
    )


def _latency(data: Row) -> list[Figure]:
    found = [row for row in data["rows"] if row["uplink_bps"] == LATENCY_AT_BPS]
    what = "mean latency with packets over that before, 5 Mbit/s"
    return [Figure(what, LATENCY, _mean_s(row, "packets") / _mean_s(row, "zstd")) for row in found]


def _slow_link(data: Row) -> list[Figure]:
    figures = []
    for row in data["rows"]:
        if row["uplink_bps"] == P95_AT_BPS:
            runs = [run for run in row["runs"] if run["way"] == "packets"]
            lost = sum(run["frames"]["dropped"] + run["frames"]["failed"] for run in runs)
            p95_s = median(run["latency_s"]["p95"] for run in runs)
            figures += [
                Figure("95th percentile of the latency with packets, 1 Mbit/s", P95_S, p95_s, "s"),
                Figure("frames that were dropped with packets, 1 Mbit/s", 0, lost),
            ]
    return figures


def _by_way(row: Row) -> list[tuple[str, list[Row]]]:
    return [(way, runs) for (way,), runs in grouped(row["runs"], "way").items()]


def _of(row: Row, way: str) -> list[Row]:
    return [run for run in row["runs"] if run["way"] == way]


def _bytes(row: Row, way: str) -> float:
    """Bytes of a frame that was sent."""
    return float(median(run["sent_bytes"] / max(1, sum(run["encodings"].values())) for run in _of(row, way)))


def _mean_s(row: Row, way: str) -> float:
    return float(median(run["latency_s"]["mean"] for run in _of(row, way)))


def _verify(row: Row) -> Row:
    found: Row = row["checked"]["verify"]
    return found


def _cells(row: Row, way: str, runs: list[Row]) -> dict[str, Any]:
    frames = {name: sum(run["frames"][name] for run in runs) for name in ("read", "dropped", "local_fallback")}
    sent: dict[str, int] = {}
    for run in runs:
        for name, count in run["encodings"].items():
            sent[name] = sent.get(name, 0) + count
    means = [1000 * run["latency_s"]["mean"] for run in runs]
    return {
        "link": f"{row['kind']}, {row['uplink_bps'] / 1e6:g} Mbit/s, {1000 * row['rtt_s']:g} ms",
        "way": {"zstd": "before"}.get(way, way),
        "sent as": ", ".join(f"{count} {name}" for name, count in sent.items()),
        "mean from to, ms": f"{min(means):.0f} to {max(means):.0f}",
        "kB a frame": f"{_bytes(row, way) / 1000:.1f}",
        "mean, ms": 1000 * _mean_s(row, way),
        "p95, ms": 1000 * median(run["latency_s"]["p95"] for run in runs),
        "frames": frames["read"],
        "dropped": frames["dropped"],
        "finished here": frames["local_fallback"],
        "frames/s": median(run["throughput_hz"] for run in runs),
    }
