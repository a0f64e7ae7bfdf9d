"""Predicted against measured transfer of the running system on links that are idle between frames.

The real server and the real agent at both ends of a `packets` link, where TCP's slow start after idle is real. Each
rate begins with an agent that knows nothing; its first frame is left out. Pauses of 25 s, at 0.04 frames per second,
are those that the agent does not keep the connection warm for.
"""

from itertools import product
from typing import Any

from bench.idle_link.report import report
from bench.links.shaped import available_kinds, links_used, open_link
from bench.links.upload_ends import SIZES_BYTES, driving, serving
from bench.publishing.harness import Benchmark, Run

# Links and sizes: uplink in bits per second, round trip in seconds, TCP's congestion control, size of the frames.
QUICK_LINKS = ((20e6, 0.05, "cubic", "150kB"), (100e6, 0.05, "cubic", "1MB"))
# Neighbours run together: a slow link beside a fast one.
FULL_LINKS = tuple(
    (uplink_bps, rtt_s, congestion, size)
    for rtt_s, congestion, size, uplink_bps in product((0.01, 0.05), ("cubic", "bbr"), ("150kB", "1MB"), (20e6, 100e6))
)
# Frames per second, and how many of them.
QUICK_FRAMES = ((0.1, 4), (1.0, 16), (5.0, 15), (20.0, 30))
FULL_FRAMES = ((0.04, 4), (0.1, 6), (1.0, 15), (5.0, 30), (20.0, 60))
# Links that are measured beside each other: both are idle nearly always.
AT_A_TIME = 2


def measure_link(
    uplink_bps: float, rtt_s: float, congestion: str, size: str, frames: tuple[tuple[float, int], ...]
) -> dict[str, Any]:
    """Runs every rate over one link. Where there are no `packets`, TCP is the machine's own and starts slowly never."""
    kind = available_kinds()[0]
    wanted = congestion if kind == "packets" else None
    with open_link(uplink_bps, rtt_s=rtt_s, kind=kind, congestion=wanted) as link, serving(link, size) as address:
        always_ready_s = 8 * SIZES_BYTES[size] / (uplink_bps * link.goodput_share) + rtt_s
        told = {"uplink_bps": uplink_bps, "rtt_s": rtt_s, **link.used, "bytes": SIZES_BYTES[size]}
        return {**told, "always_ready_s": always_ready_s, "frames": driving(link, address, size, frames)}


def measure(run: Run) -> dict[str, Any]:
    links, frames = (FULL_LINKS, FULL_FRAMES) if run.full else (QUICK_LINKS, QUICK_FRAMES)
    names = ("uplink_bps", "rtt_s", "congestion", "size")
    cells = [{**dict(zip(names, link, strict=True)), "frames": frames} for link in links]
    rows = run.cells(cells, measure_link, at_a_time=AT_A_TIME)
    return {"link": links_used(rows), "rows": rows}


BENCHMARK = Benchmark(
    "idle_link", "Predicted against measured transfer on idle links.", measure, report, full="all links and sizes"
)

if __name__ == "__main__":
    BENCHMARK.main()
