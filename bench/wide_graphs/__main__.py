"""Heavy load on graphs too wide to list: how close to the optimum each step is proven to be, and how long it takes.

Run with `make bench ARGS=wide_graphs` (less than a minute: one graph of each kind, one uplink) or `make bench-full
ARGS=wide_graphs` (about five minutes: two graphs of each kind, three uplinks; resumable).
Random graphs of 200 and 2,000 layers of several kinds, all too wide to list. For each: the proven ratio (what was found
over what was proven) of weighted cuts alone and of `partitioner.dsh`, which goes on by a search tree; the same for
`dsh` with a rate that is nearly the highest possible, where the latency counts; and the processor seconds of each call.
Writes ``wide_graphs.md`` and ``wide_graphs.json``.

Set OMP_NUM_THREADS=1 for one core.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.publishing.harness import Benchmark, Run
from bench.wide_graphs.kinds import KINDS
from bench.wide_graphs.report import report
from partitioner import Link, splits_of
from partitioner.searched.lowest_latency import dsl_by_min_cut
from partitioner.searched.problem import Problem
from partitioner.searched.weighted_cuts import search

UPLINKS_BPS, QUICK_UPLINKS_BPS = (1e7, 1e8, 1e9), (1e8,)
# The rate asked for leaves this much of the smallest bottleneck that was found.
_PERIOD = 1.03


@dataclass(frozen=True, slots=True)
class Measured:
    """One graph with one uplink.

    Attributes:
        kind: Of `bench.wide_graphs.kinds`.
        layers: How many were asked for.
        seed: Of the graph.
        uplink_bps: The link.
        cuts: The ratio of weighted cuts alone, for the smallest bottleneck.
        smallest: The ratio of `dsh` without a rate.
        smallest_took_s: Its seconds.
        lowest: The ratio of `dsh` with a rate: of latencies.
        lowest_took_s: Its seconds.
    """

    kind: str
    layers: int
    seed: int
    uplink_bps: float
    cuts: float
    smallest: float
    smallest_took_s: float
    lowest: float
    lowest_took_s: float


def measure(kind: str, layers: int, seed: int, uplink_bps: float) -> Measured:
    """Measures one row; in processor seconds, as a call only computes, and on one thread: other work is left out."""
    graph, costs = KINDS[kind](layers, seed)
    link = Link(uplink_bps, fixed_s=0.01)
    splits = splits_of(graph, costs, max_sets=100_000)
    if splits.listed:
        raise SystemExit(f"{kind} of {layers} layers has too few closed sets to measure a search")
    problem = Problem.of(graph, costs, link)
    cuts = search(problem, dsl_by_min_cut(problem)).heavy(None)
    begin = time.process_time()
    smallest = splits.dsh(link)
    smallest_took_s = time.process_time() - begin
    begin = time.process_time()
    lowest = splits.dsh(link, 1.0 / (_PERIOD * smallest.bottleneck_s))
    lowest_took_s = time.process_time() - begin
    return Measured(
        kind,
        layers,
        seed,
        uplink_bps,
        cuts.bottleneck_s / cuts.lower_bound_s,
        smallest.bottleneck_s / smallest.lower_bound_s,
        smallest_took_s,
        lowest.latency_s / lowest.lower_bound_s,
        lowest_took_s,
    )


def cases(seeds: int, uplinks_bps: Sequence[float]) -> Iterator[tuple[str, int, int, float]]:
    for layers in (200, 2000):
        for kind in KINDS:
            for seed in range(seeds):
                yield from ((kind, layers, seed, uplink_bps) for uplink_bps in uplinks_bps)


def measure_all(run: Run) -> Any:  # noqa: ANN401 # JSON
    """Measures every case."""
    everything = cases(2, UPLINKS_BPS) if run.full else cases(1, QUICK_UPLINKS_BPS)
    names = ("kind", "layers", "seed", "uplink_bps")
    cells = [dict(zip(names, case, strict=True)) for case in everything]
    return {"rows": run.cells(cells, lambda **cell: dataclasses.asdict(measure(**cell)))}


BENCHMARK = Benchmark(
    "wide_graphs",
    "Proven ratios and times of heavy load where splits are searched.",
    measure_all,
    report,
    full="two graphs of each kind",
)

if __name__ == "__main__":
    BENCHMARK.main()
