"""A recorded LTE uplink, live: adaptive against the best fixed split, the baselines, and an oracle that knows the link.

Run with `make bench ARGS=real_link` (about three minutes: the first 25 seconds of the trace) or `make bench-full
ARGS=real_link` (about 25 minutes: all 140 seconds, twice; resumable). The uplink of a shaped link follows the trace
from the moment the first frame is submitted; every way of running gets the same trace and frames, one after another:

- adaptive, edge-only and cloud-only are the agent's own strategies;
- the best fixed split is found with hindsight: each split is replayed over the trace by the cost model, and the one
  with the lowest mean latency is run live;
- the oracle knows the trace: for each frame, when its head begins, it takes the split that will end first by the same
  cost model, the upload integrated over the true rates to come. It is run live, too: what it cannot escape, such as the
  noise of compute, it pays like the others.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from bench.links.shaped import Link, open_link
from bench.live.choosers import TracedSplits
from bench.live.run import EdgeModel, EdgeRun, RunResult
from bench.live.services import Live
from bench.publishing.journal import Journal
from bench.publishing.pacer import Pacer
from bench.publishing.publish import arguments, carry_out
from bench.real_link.report import report
from link_emulator import Trace, bundled

MODEL = "torchvision:alexnet"
TRACE = "lte_uplink_verizon"
SLOWDOWN = 10.0
RATE_HZ = 2.0
RTT_S = 0.04
WAYS = ("adaptive", "oracle", "best_fixed", "edge_only", "cloud_only")

QUICK_S, FULL_S, FULL_TURNS = 25.0, 140.0, 2
_START_S = 4.0


def replayed_s(splits: TracedSplits, index: int, seconds: float) -> float:
    """Mean latency of one split over the trace by the cost model, frames waiting for head and link in turn."""
    head_free_s = link_free_s = total_s = 0.0
    frames = int(seconds * RATE_HZ)
    for frame in range(frames):
        submitted_s = frame / RATE_HZ
        begin_s = max(submitted_s, head_free_s)
        head_free_s = begin_s + float(splits.head_s[index])
        ended_s, link_free_s = splits.ended_s(index, begin_s, RTT_S, link_free_s)
        total_s += ended_s - submitted_s
    return total_s / frames


def oracle_replayed_s(splits: TracedSplits, seconds: float) -> float:
    """The same for the oracle."""
    head_free_s = link_free_s = total_s = 0.0
    frames = int(seconds * RATE_HZ)
    for frame in range(frames):
        submitted_s = frame / RATE_HZ
        begin_s = max(submitted_s, head_free_s)
        index = splits.best(begin_s, RTT_S, link_free_s)
        head_free_s = begin_s + float(splits.head_s[index])
        ended_s, link_free_s = splits.ended_s(index, begin_s, RTT_S, link_free_s)
        total_s += ended_s - submitted_s
    return total_s / frames


def run_of(way: str, address: str, seconds: float, trace: Trace, goodput_share: float) -> EdgeRun:
    """What the edge is asked to run, but for the best fixed split."""
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
    return run if way == "best_fixed" else replace(run, strategy=way)


def row(way: str, turn: int, result: RunResult, replay_s: float | None) -> dict[str, Any]:
    """What is kept of a run."""
    kept = ("submitted_s", "wall_s", "outcome", "cut", "switched", "uplink_bps")
    frames = [{name: value for name, value in asdict(frame).items() if name in kept} for frame in result.frames]
    return {"way": way, "turn": turn, "replayed_s": replay_s, "frames": frames}


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
        every = {index: replayed_s(splits, index, seconds) for index in range(len(splits.head_s))}
        best = min(every, key=lambda index: every[index])
        self.best_fixed = tuple(layer.name for layer in model.graph.layers if layer.name in splits.edge(best))
        self.mean_s = {
            "oracle": oracle_replayed_s(splits, seconds),
            "best_fixed": every[best],
            "edge_only": every[len(every) - 1],
            "cloud_only": every[0],
        }


def measure(seconds: float, turns: int, journal: Journal) -> dict[str, Any]:
    """Runs every way that is not in the journal."""
    trace = bundled(TRACE)
    pacer = Pacer(30.0 + turns * len(WAYS) * (seconds + _START_S))
    rows = []
    with open_link(trace.rate_at(0.0), rtt_s=RTT_S) as link, Live(link, [MODEL]) as live:
        pacer.say(f"{MODEL}: loading")
        replay = Replay(live.load(MODEL), trace, link.goodput_share, seconds)
        for turn in range(turns):
            for way in WAYS:
                cell = {"way": way, "turn": turn, "seconds": seconds}
                if journal.get(cell) is None:
                    pacer.say(f"{way}, turn {turn + 1} of {turns}")
                    result = _run(way, live, link, trace, seconds, replay)
                    journal.put(cell, row(way, turn, result, replay.mean_s.get(way)))
                rows.append(journal.get(cell))
        return {
            "link": {"kind": link.kind, "congestion": link.congestion, "rtt_s": RTT_S},
            "model": MODEL,
            "trace": TRACE,
            "seconds": seconds,
            "slowdown": SLOWDOWN,
            "rate_hz": RATE_HZ,
            "best_fixed_last": replay.best_fixed[-1],
            "rows": rows,
        }


def _run(way: str, live: Live, link: Link, trace: Trace, seconds: float, replay: Replay) -> RunResult:
    link.set_uplink(max(trace.rate_at(0.0), 1e6))
    run = run_of(way, live.address, seconds, trace, link.goodput_share)
    if way == "best_fixed":
        run = replace(run, chooser="given", splits=(replay.best_fixed,))
    return live.run(run, on_go=lambda: link.play(trace))


def main() -> None:
    options = arguments("A recorded LTE uplink, live.", full="the whole trace, twice").parse_args()
    seconds, turns = (FULL_S, FULL_TURNS) if options.full else (QUICK_S, 1)
    carry_out("real_link", options, lambda journal: measure(seconds, turns, journal), report)


if __name__ == "__main__":
    main()
