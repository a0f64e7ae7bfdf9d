"""Everything in the cloud, from a compressed clip: what the frames were sent as before, lossless pictures, and packets.

The real server and the real command's session at both ends of a link, at six of the clip's 25 pictures a second. All
ways take turns on the same link, so that what the machine does meanwhile falls on each of them.
"""

import sys
from dataclasses import asdict
from typing import Any

from bench.child import end, started
from bench.links.shaped import links_used, open_link
from bench.packets.edge import MODEL, WAYS, ClipRun
from bench.packets.report import report
from bench.publishing.harness import Benchmark, Run

RATE_HZ = 6.0
SLOWDOWN = 8.0
RTT_S = 0.02
QUICK_LINKS, FULL_LINKS = (1e6, 5e6), (1e6, 2e6, 5e6, 20e6)
QUICK_FRAMES, FULL_FRAMES = 60, 300
QUICK_TURNS, FULL_TURNS = 1, 3


def measure_link(uplink_bps: float, frames: int, turns: int) -> dict[str, Any]:
    """Runs every way over one link, in turns; and at last the packets with every result compared."""
    with open_link(uplink_bps, rtt_s=RTT_S) as link:
        command = [sys.executable, "-m", "dads", "cloud", "--model", MODEL, "--engine", "torch", "--no-cache"]
        command += ["--listen", link.listen, "--threads", "1", "--max-queue", "64", "--insecure"]
        with started(link.on_cloud(command)) as cloud:
            address = link.dial(int(cloud.line().rpartition(":")[2]))
            with started(link.on_edge(end("bench.packets.edge:serve"))) as edge:
                edge.hear()
                runs = []
                for turn in range(turns):
                    for way in WAYS:
                        told = edge.ask(asdict(ClipRun(way, address, RATE_HZ, frames, SLOWDOWN)))
                        runs.append({"way": way, "turn": turn, **told})
                checked = edge.ask(asdict(ClipRun("packets", address, RATE_HZ, frames, SLOWDOWN, verify=True)))
        return {"uplink_bps": uplink_bps, "rtt_s": RTT_S, **link.used, "runs": runs, "checked": checked}


def measure(run: Run) -> dict[str, Any]:
    links = FULL_LINKS if run.full else QUICK_LINKS
    frames, turns = (FULL_FRAMES, FULL_TURNS) if run.full else (QUICK_FRAMES, QUICK_TURNS)
    rows = run.cells([{"uplink_bps": bps, "frames": frames, "turns": turns} for bps in links], measure_link)
    return {"rate_hz": RATE_HZ, "slowdown": SLOWDOWN, "link": links_used(rows), "rows": rows}


BENCHMARK = Benchmark(
    "packets",
    "A compressed clip's frames to the cloud, as packets too.",
    measure,
    report,
    full="four links, 300 frames",
    engine="torch",
)

if __name__ == "__main__":
    BENCHMARK.main()
