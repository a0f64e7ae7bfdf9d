"""A recorded LTE uplink, live: adaptive against the best fixed split, the baselines, and an oracle that knows the link.

The uplink of a shaped link follows the trace from the moment the first frame is submitted; every way of running gets
the same trace and frames, one after another. The best fixed split is found with hindsight, by replaying each over the
trace with the cost model. The oracle takes, when a frame's head begins, the split that will end first by the same
cost model, the upload integrated over the true rates to come; run live, it pays for the noise of compute like the
others.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

from bench.links.shaped import open_link
from bench.live.choosers import TracedSplits
from bench.live.run import EdgeModel, EdgeRun
from bench.live.services import serve
from bench.publishing.harness import Benchmark, Run
from bench.real_link.report import report
from link_emulator import Trace, bundled

MODEL = "torchvision:alexnet"
TRACE = "lte_uplink_verizon"
SLOWDOWN = 10.0
RATE_HZ = 2.0
RTT_S = 0.04
WAYS = ("adaptive", "oracle", "best_fixed", "edge_only", "cloud_only")

QUICK_S, FULL_S, FULL_TURNS = 25.0, 140.0, 2
_KEPT = ("submitted_s", "wall_s", "outcome", "cut", "switched", "uplink_bps")


def replayed_s(splits: TracedSplits, seconds: float, choose: Callable[[float, float], int]) -> float:
    """Mean latency over the trace by the cost model, frames waiting for head and link in turn.

    Args:
        splits: The model, over the trace.
        seconds: How much of the trace.
        choose: Given when a frame's head begins, and when the link is free, its split.
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


class Replay:
    """What the cost model says of each way before it is run.

    Args:
        model: As the edge profiled it.
        trace: The uplink.
        goodput_share: Payload per byte that the trace counts.
        seconds: How much of the trace.
    """

    def __init__(self, model: EdgeModel, trace: Trace, goodput_share: float, seconds: float) -> None:
        costs = model.costs(SLOWDOWN)
        splits = TracedSplits(model.graph, costs.edge_s, costs.cloud_s, trace, goodput_share)
        every = [replayed_s(splits, seconds, lambda *_, i=index: i) for index in range(len(splits.head_s))]
        best = min(range(len(every)), key=lambda index: every[index])
        oracle_s = replayed_s(splits, seconds, lambda begin_s, free_s: splits.best(begin_s, RTT_S, free_s))
        self.best_fixed = tuple(layer.name for layer in model.graph.layers if layer.name in splits.edge(best))
        self.mean_s = {"oracle": oracle_s, "best_fixed": every[best], "edge_only": every[-1], "cloud_only": every[0]}


def run_of(
    way: str, address: str, seconds: float, trace: Trace, goodput_share: float, best_fixed: tuple[str, ...]
) -> EdgeRun:
    run = EdgeRun(
        MODEL,
        None if way == "edge_only" else address,
        pace="rate",
        rate_hz=RATE_HZ,
        frames=10**6,
        limit_s=seconds,
        warmup=0,
        slowdown=SLOWDOWN,
    )
    if way == "oracle":
        rows = tuple(zip(trace.times_s, trace.rates_bps, strict=True))
        return replace(run, chooser="oracle", trace=rows, goodput_share=goodput_share)
    if way == "best_fixed":
        return replace(run, chooser="given", splits=(best_fixed,))
    return replace(run, strategy=way)


def measure(run: Run) -> dict[str, Any]:
    trace = bundled(TRACE)
    seconds, turns = (FULL_S, FULL_TURNS) if run.full else (QUICK_S, 1)
    with open_link(trace.rate_at(0.0), rtt_s=RTT_S) as link, serve(link, [MODEL]) as live:
        replay = Replay(live.load(MODEL), trace, link.goodput_share, seconds)

        def measure_way(way: str, turn: int, seconds: float) -> dict[str, Any]:
            link.set_uplink(max(trace.rate_at(0.0), 1e6))
            wanted = run_of(way, live.address, seconds, trace, link.goodput_share, replay.best_fixed)
            result = live.run(wanted, on_go=lambda: link.play(trace))
            frames = [{name: getattr(frame, name) for name in _KEPT} for frame in result.frames]
            return {"way": way, "turn": turn, "replayed_s": replay.mean_s.get(way), "frames": frames}

        cells = [{"way": way, "turn": turn, "seconds": seconds} for turn, way in product(range(turns), WAYS)]
        rows = run.cells(cells, measure_way)
        return {
            "link": {**link.used, "rtt_s": RTT_S},
            "model": MODEL,
            "trace": TRACE,
            "seconds": seconds,
            "slowdown": SLOWDOWN,
            "rate_hz": RATE_HZ,
            "best_fixed_last": replay.best_fixed[-1],
            "rows": rows,
        }


BENCHMARK = Benchmark("real_link", "A recorded LTE uplink, live.", measure, report, full="the whole trace, twice")

if __name__ == "__main__":
    BENCHMARK.main()
