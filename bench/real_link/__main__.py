"""A recorded LTE uplink, live: adaptive against the best fixed split, the baselines, and an oracle that knows the link.

The uplink of a shaped link follows the trace from the moment the first frame is submitted; every way of running gets
the same trace and frames, one after another. The best fixed split is found with hindsight, by replaying each over the
trace with the cost model. The oracle takes, when a frame's head begins, the split that will end first by the same
model; run live, it pays for the noise of compute like the others.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

from bench.links.shaped import open_link
from bench.live.choosers import TracedSplits
from bench.live.run import EdgeRun
from bench.live.services import serve
from bench.publishing.harness import Benchmark, Run
from bench.real_link.report import report
from link_emulator import bundled

MODEL = "torchvision:alexnet"
TRACE = "lte_uplink_verizon"
SLOWDOWN = 10.0
RATE_HZ = 2.0
RTT_S = 0.04
WAYS = ("adaptive", "oracle", "best_fixed", "edge_only", "cloud_only")

QUICK_S, FULL_S, FULL_TURNS = 25.0, 140.0, 2
_KEPT = ("submitted_s", "wall_s", "outcome", "switched", "uplink_bps")


def replayed_s(splits: TracedSplits, seconds: float, choose: Callable[[float, float], int]) -> float:
    """Mean latency over so much of the trace by the cost model, frames waiting for head and link in turn.

    `choose` is given when a frame's head begins, and when the link is free.
    """
    head_free_s = link_free_s = total_s = 0.0
    frames = int(seconds * RATE_HZ)
    for frame in range(frames):
        submitted_s = frame / RATE_HZ
        begin_s = max(submitted_s, head_free_s)
        index = choose(begin_s, link_free_s)
        head_free_s = begin_s + float(splits.head_s[index])
        ended_s, link_free_s = splits.ended_s(index, begin_s, RTT_S, link_free_s)
        total_s += ended_s - submitted_s
    return total_s / frames


def replay(splits: TracedSplits, seconds: float) -> tuple[int, dict[str, float]]:
    """What the cost model says before anything is run: the best fixed split, and the mean latency of each way."""
    every = [replayed_s(splits, seconds, lambda *_, i=index: i) for index in range(len(splits))]
    best = min(range(len(every)), key=lambda index: every[index])
    oracle_s = replayed_s(splits, seconds, lambda begin_s, free_s: splits.best(begin_s, RTT_S, free_s))
    return best, {"oracle": oracle_s, "best_fixed": every[best], "edge_only": every[-1], "cloud_only": every[0]}


def measure(run: Run) -> dict[str, Any]:
    trace = bundled(TRACE)
    seconds, turns = (FULL_S, FULL_TURNS) if run.full else (QUICK_S, 1)
    with open_link(trace.rate_at(0.0), rtt_s=RTT_S) as link, serve(link, [MODEL]) as live:
        model = live.load(MODEL)
        costs = model.costs(SLOWDOWN)
        splits = TracedSplits(model.graph, costs.edge_s, costs.cloud_s, trace, link.goodput_share)
        best, mean_s = replay(splits, seconds)
        pace: dict[str, Any] = {"pace": "rate", "rate_hz": RATE_HZ, "frames": 10**6, "limit_s": seconds, "warmup": 0}
        chosen: dict[str, dict[str, Any]] = {
            "oracle": {"trace": (trace.times_s, trace.rates_bps), "goodput_share": link.goodput_share},
            "best_fixed": {"splits": [splits.edge(best)]},
        }

        def measure_way(way: str, turn: int, seconds: float) -> dict[str, Any]:  # noqa: ARG001 # the cell's name
            link.set_uplink(max(trace.rate_at(0.0), 1e6))
            address = None if way == "edge_only" else live.address
            choice = chosen.get(way, {"strategy": way})
            frames = live.run(EdgeRun(MODEL, address, slowdown=SLOWDOWN, **pace, **choice), lambda: link.play(trace))
            return {"way": way, "replayed_s": mean_s.get(way), "frames": [frame.told(*_KEPT) for frame in frames]}

        cells = [{"way": way, "turn": turn, "seconds": seconds} for turn, way in product(range(turns), WAYS)]
        about = {"model": MODEL, "trace": TRACE, "seconds": seconds, "slowdown": SLOWDOWN, "rate_hz": RATE_HZ}
        rows = run.cells(cells, measure_way)
        return {"link": {**link.used, "rtt_s": RTT_S}, **about, "best_fixed_last": splits.edge(best)[-1], "rows": rows}


BENCHMARK = Benchmark(
    "real_link", "A recorded LTE uplink, live.", measure, report, full="the whole trace, twice", engine="torch"
)

if __name__ == "__main__":
    BENCHMARK.main()
