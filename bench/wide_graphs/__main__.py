"""Graphs too wide to list: what split points and searches prove, and how long they take to answer.

Split points (see `partitioner.tabled`) of real graphs and of random ones of 200 layers. Searches of random graphs of
200 and 2,000 layers, by weighted cuts alone, and by a search tree after them.
"""

from itertools import product
from typing import Any

from bench.publishing.harness import Benchmark, Run
from bench.wide_graphs.kinds import KINDS
from bench.wide_graphs.real import names
from bench.wide_graphs.report import report
from bench.wide_graphs.tables import measure_table, timed
from partitioner import Link
from partitioner.searched.lowest_latency import dsl_by_min_cut
from partitioner.searched.problem import Problem
from partitioner.searched.searched_splits import SearchedSplits
from partitioner.searched.weighted_cuts import search

UPLINKS_BPS, QUICK_UPLINKS_BPS = (1e7, 1e8, 1e9), (1e8,)
ENCODINGS = {True: (1, 4), False: (1,)}
LAYERS = {True: (200, 2000), False: (200,)}
# The rate asked for leaves this much of the smallest bottleneck that was found.
_PERIOD = 1.03


def measure(kind: str, layers: int, seed: int, uplink_bps: float) -> dict[str, Any]:
    """Proven ratios of one graph with one uplink, and how long each call of `dsh` took."""
    graph, costs = KINDS[kind](layers, seed)
    link = Link(uplink_bps, fixed_s=0.01)
    splits = SearchedSplits(graph, costs)
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


def measure_all(run: Run) -> dict[str, Any]:
    seeds, uplinks_bps = (range(2), UPLINKS_BPS) if run.full else (range(1), QUICK_UPLINKS_BPS)
    columns = ("layers", "kind", "seed", "uplink_bps")
    cells = [dict(zip(columns, case, strict=True)) for case in product(LAYERS[run.full], KINDS, seeds, uplinks_bps)]
    asked = {"links": 150, "searches": 40} if run.full else {"links": 30, "searches": 2}
    tables = [{"graph": name, "encodings_": count, **asked} for name, count in product(names(), ENCODINGS[run.full])]
    tables += [{"graph": kind, "encodings_": 1, **asked} for kind in KINDS if run.full]
    return {"tables": run.cells(tables, measure_table), "rows": run.cells(cells, measure)}


BENCHMARK = Benchmark(
    "wide_graphs",
    "Proven ratios and times where splits are too many to list.",
    measure_all,
    report,
    full="150 links, four encodings too, random graphs, and searches of 2,000 layers",
)

if __name__ == "__main__":
    BENCHMARK.main()
