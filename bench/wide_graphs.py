"""Heavy load beyond the closed-set table: how close to the optimum each step is proven to be, and how long it takes.

Run with ``python -m bench.wide_graphs`` (about five minutes on one core); ``--quick`` takes one graph of each kind.
Random graphs of 200 and 2,000 layers of several kinds, all too wide to list. For each: the proven ratio (what was found
over what was proven) of weighted cuts alone and of `partitioner.dsh`, which goes on by single moves, a search tree and
a solver; the same for `dsh` with a rate that is nearly the highest possible, where the latency counts; and the
processor seconds of each call. Writes ``wide_graphs.md`` and ``wide_graphs.json``.

Set OMP_NUM_THREADS=1 for one core.
"""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.machine import machine
from bench.wide_graphs_report import markdown
from bench.wide_kinds import KINDS, Problem
from partitioner import Link, TooManySplitsError, dsh
from partitioner.listing import list_closed_sets
from partitioner.weighted_cuts import search

UPLINKS_BPS = (1e7, 1e8, 1e9)
# The rate asked for leaves this much of the smallest bottleneck that was found.
_PERIOD = 1.03


@dataclass(frozen=True, slots=True)
class Measured:
    """One graph with one uplink.

    Attributes:
        kind: Of `bench.wide_kinds`.
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
    problem = _unlistable(kind, layers, seed)
    link = Link(uplink_bps, fixed_s=0.01)
    cuts = search(*problem, link).heavy(None)
    begin = time.process_time()
    smallest = dsh(*problem, link)
    smallest_took_s = time.process_time() - begin
    begin = time.process_time()
    lowest = dsh(*problem, link, rate_hz=1.0 / (_PERIOD * smallest.bottleneck_s))
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


def _unlistable(kind: str, layers: int, seed: int) -> Problem:
    problem = KINDS[kind](layers, seed)
    try:
        list_closed_sets(problem[0], 100_000)
    except TooManySplitsError:
        return problem
    raise SystemExit(f"{kind} of {layers} layers has too few closed sets to measure what is beyond the table")


def cases(seeds: int) -> Iterator[tuple[str, int, int, float]]:
    for layers in (200, 2000):
        for kind in KINDS:
            for seed in range(seeds):
                yield from ((kind, layers, seed, uplink_bps) for uplink_bps in UPLINKS_BPS)


def main() -> None:
    parser = argparse.ArgumentParser(description="Proven ratios and times of heavy load beyond the table.")
    parser.add_argument("--quick", action="store_true", help="one graph of each kind and size")
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"), help="a folder")
    parser.add_argument("--note", default="", help="what a reader should know about this run, such as a shared machine")
    options = parser.parse_args()
    began_s = time.monotonic()
    rows = []
    print(f"{'graph':26}{'layers':>7}{'Mbit/s':>8}{'cuts':>9}{'dsh':>9}{'s':>7}{'at rate':>9}{'s':>7}")
    for case in cases(1 if options.quick else 2):
        row = measure(*case)
        rows.append(row)
        print(
            f"{row.kind:26}{row.layers:7}{row.uplink_bps / 1e6:8.0f}{row.cuts:9.4f}{row.smallest:9.4f}"
            f"{row.smallest_took_s:7.2f}{row.lowest:9.4f}{row.lowest_took_s:7.2f}",
            flush=True,
        )
    data = {"note": options.note, **machine(), "rows": [dataclasses.asdict(row) for row in rows]}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "wide_graphs.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    text = markdown(data)
    (options.output / "wide_graphs.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    print(
        f"done in {time.monotonic() - began_s:.0f} s, written to {options.output}/wide_graphs.md and wide_graphs.json"
    )


if __name__ == "__main__":
    main()
