"""A detector whose splits are too many to list, live: frames that are lost, and blocks of the event loop."""

from dataclasses import asdict
from typing import Any

from bench.links.shaped import open_link
from bench.live.run import EdgeRun
from bench.live.services import serve
from bench.publishing.harness import Benchmark, Run
from bench.wide_live.report import report

MODEL = "bench.wide_live.model:ssdlite"
UPLINK_BPS, RTT_S = 20e6, 0.01
SLOWDOWN, RATE_HZ, FRAMES = 8.0, 4.0, 120


def measure(_: Run) -> dict[str, Any]:
    with open_link(UPLINK_BPS, rtt_s=RTT_S) as link, serve(link, [MODEL]) as live:
        layers = len(live.load(MODEL).graph)
        paced: Any = {"pace": "rate", "rate_hz": RATE_HZ, "limit_s": FRAMES / RATE_HZ}
        run = EdgeRun(MODEL, live.address, frames=FRAMES, warmup=0, slowdown=SLOWDOWN, encodings="auto", **paced)
        kept = ("outcome", "cut", "encoding", "latency_s", "loop_blocked_s", "table_splits", "error")
        rows = [{name: asdict(frame)[name] for name in kept} for frame in live.run(run)]
        sizes = {"uplink_bps": UPLINK_BPS, "slowdown": SLOWDOWN, "rate_hz": RATE_HZ, "layers": layers}
        return {"link": {**link.used, "rtt_s": RTT_S}, **sizes, "rows": rows}


BENCHMARK = Benchmark(
    "wide_live", "A detector whose splits are too many to list, live.", measure, report, engine="torch"
)

if __name__ == "__main__":
    BENCHMARK.main()
