"""Heavy load on graphs too wide to list: how close to the optimum each step is proven to be, and how long it takes.

Random graphs of 200 and 2,000 layers of several kinds, by weighted cuts alone and by `partitioner.dsh`, which goes on
by a search tree.
"""

import time
from collections.abc import Callable
from itertools import product
from typing import Any

from bench.publishing.harness import Benchmark, Run
from bench.wide_graphs.kinds import KINDS
from bench.wide_graphs.report import report
from partitioner import Link, Partition, splits_of
from partitioner.searched.lowest_latency import dsl_by_min_cut
from partitioner.searched.problem import Problem
from partitioner.searched.weighted_cuts import search

UPLINKS_BPS, QUICK_UPLINKS_BPS = (1e7, 1e8, 1e9), (1e8,)
# The rate asked for leaves this much of the smallest bottleneck that was found.
_PERIOD = 1.03


def measure(kind: str, layers: int, seed: int, uplink_bps: float) -> dict[str, Any]:
    """Proven ratios of one graph with one uplink, and how long each call of `dsh` took."""
    graph, costs = KINDS[kind](layers, seed)
    link = Link(uplink_bps, fixed_s=0.01)
    splits = splits_of(graph, costs, max_sets=100_000)
    if splits.listed:
        raise SystemExit(f"{kind} of {layers} layers has too few closed sets to measure a search")
    problem = Problem.of(graph, costs, link)
    cuts = search(problem, dsl_by_min_cut(problem)).heavy(None)
    smallest, smallest_took_s = timed(lambda: splits.dsh(link))
    lowest, lowest_took_s = timed(lambda: splits.dsh(link, 1.0 / (_PERIOD * smallest.bottleneck_s)))
    return {
        "kind": kind,
        "layers": layers,
        "seed": seed,
        "uplink_bps": uplink_bps,
        "cuts": cuts.bottleneck_s / cuts.lower_bound_s,
        "smallest": smallest.bottleneck_s / smallest.lower_bound_s,
        "smallest_took_s": smallest_took_s,
        "lowest": lowest.latency_s / lowest.lower_bound_s,
        "lowest_took_s": lowest_took_s,
    }


def timed(call: Callable[[], Partition]) -> tuple[Partition, float]:
    """In processor seconds, as a call only computes, and on one thread: other work is left out."""
    begin = time.process_time()
    return call(), time.process_time() - begin


def measure_all(run: Run) -> dict[str, Any]:
    seeds, uplinks_bps = (range(2), UPLINKS_BPS) if run.full else (range(1), QUICK_UPLINKS_BPS)
    names = ("layers", "kind", "seed", "uplink_bps")
    cells = [dict(zip(names, case, strict=True)) for case in product((200, 2000), KINDS, seeds, uplinks_bps)]
    return {"rows": run.cells(cells, measure)}


BENCHMARK = Benchmark(
    "wide_graphs",
    "Proven ratios and times of heavy load where splits are searched.",
    measure_all,
    report,
    full="two graphs of each kind",
)

if __name__ == "__main__":
    BENCHMARK.main()
