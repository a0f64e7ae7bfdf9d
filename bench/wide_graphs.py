"""Heavy load beyond the closed-set table: how close to the optimum each step is proven to be, and how long it takes.

Run with ``python -m bench.wide_graphs`` (about two minutes on one core); ``--quick`` takes one graph of each kind.
Random graphs of 200 and 2,000 layers of several kinds, all too wide to list. For each: the proven ratio (what was found
over what was proven) of weighted cuts alone and of `partitioner.dsh`, which goes on by a search tree and a solver; the
same for `dsh` with a rate that is nearly the highest possible, where the latency counts; and the seconds of each call.

The aim is a ratio of at most 1.05 within 4 s. Set OMP_NUM_THREADS=1 for one core.
"""

import argparse
import platform
import random
import time
from collections.abc import Callable, Iterator

import numpy as np
import scipy

from partitioner import CostProfile, Layer, LayerGraph, Link, TooManySplitsError, dsh
from partitioner.listing import list_closed_sets
from partitioner.weighted_cuts import search

Problem = tuple[LayerGraph, CostProfile]
UPLINKS_BPS = (1e7, 1e8, 1e9)
AIM, AIM_S = 1.05, 4.0


def spanned(count: int, span: int, degree: int, seed: int) -> Problem:
    """Each layer reads up to `degree` of the `span` layers before it."""
    rng = random.Random(seed)  # noqa: S311  # synthetic graphs
    layers = [Layer("v0", (), 500_000)]
    for i in range(1, count):
        sources = sorted({max(0, i - rng.randint(1, span)) for _ in range(degree)})
        layers.append(Layer(f"v{i}", tuple(f"v{j}" for j in sources), rng.randint(10**3, 10**6)))
    return _problem(layers, rng)


def branches(count: int, width: int, seed: int) -> Problem:
    """Chains side by side between one layer and another."""
    rng = random.Random(seed)  # noqa: S311  # synthetic graphs
    layers, ends = [Layer("v0", (), 500_000)], []
    for _ in range(width):
        previous = "v0"
        for _ in range((count - 2) // width):
            layers.append(Layer(f"v{len(layers)}", (previous,), rng.randint(10**3, 10**5)))
            previous = layers[-1].name
        ends.append(previous)
    layers.append(Layer("join", tuple(ends), 1000))
    return _problem(layers, rng)


def rows(count: int, width: int, seed: int) -> Problem:
    """Rows of layers; each layer reads two of the row before."""
    rng = random.Random(seed)  # noqa: S311  # synthetic graphs
    layers, row = [Layer("v0", (), 500_000)], ["v0"]
    while len(layers) < count - 1:
        sources = [tuple(rng.sample(row, min(2, len(row)))) for _ in range(width)]
        following = [Layer(f"v{len(layers) + i}", read, rng.randint(10**3, 10**5)) for i, read in enumerate(sources)]
        layers += following
        row = [layer.name for layer in following]
    layers.append(Layer("join", tuple(row), 1000))
    return _problem(layers, rng)


def _problem(layers: list[Layer], rng: random.Random) -> Problem:
    """Gives the layers times; the cloud is as fast, three or ten times faster, from layer to layer."""
    edge_s = tuple(rng.uniform(0, 0.01) for _ in layers)
    cloud_s = tuple(seconds / rng.choice([1, 3, 10, 10]) for seconds in edge_s)
    return LayerGraph(tuple(layers), (layers[-1].name,)), CostProfile(edge_s, cloud_s)


KINDS: dict[str, Callable[[int, int], Problem]] = {
    "span 50": lambda count, seed: spanned(count, 50, 2, seed),
    "span 20, degree 3": lambda count, seed: spanned(count, 20, 3, seed),
    "span count/4": lambda count, seed: spanned(count, count // 4, 2, seed),
    "tree": lambda count, seed: spanned(count, count, 1, seed),
    "20 branches": lambda count, seed: branches(count, 20, seed),
    "100 branches": lambda count, seed: branches(count, 100, seed),
    "rows of 12": lambda count, seed: rows(count, 12, seed),
}


def measured(problem: Problem, uplink_bps: float) -> tuple[float, float, float, float, float]:
    """Returns the ratio of cuts alone, then ratio and seconds of `dsh` without and with a rate."""
    link = Link(uplink_bps, fixed_s=0.01)
    cuts = search(*problem, link).heavy(None)
    begin = time.perf_counter()
    smallest = dsh(*problem, link)
    smallest_took_s = time.perf_counter() - begin
    begin = time.perf_counter()
    lowest = dsh(*problem, link, rate_hz=1.0 / (1.03 * smallest.bottleneck_s))
    lowest_took_s = time.perf_counter() - begin
    return (
        cuts.bottleneck_s / cuts.lower_bound_s,
        smallest.bottleneck_s / smallest.lower_bound_s,
        smallest_took_s,
        lowest.latency_s / lowest.lower_bound_s,
        lowest_took_s,
    )


def cases(*, quick: bool) -> Iterator[tuple[str, int, int, float]]:
    for count in (200, 2000):
        for kind in KINDS:
            for seed in range(1 if quick else 2):
                yield from ((kind, count, seed, uplink_bps) for uplink_bps in UPLINKS_BPS)


def main() -> None:
    parser = argparse.ArgumentParser(description="Proven ratios and times of heavy load beyond the table.")
    parser.add_argument("--quick", action="store_true", help="one graph of each kind and size")
    quick = parser.parse_args().quick
    print(
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    )
    print(f"{'graph':20}{'layers':>7}{'Mbit/s':>8}{'cuts':>9}{'dsh':>9}{'s':>7}{'at rate':>9}{'s':>7}")
    worst, slowest_s, missed = 1.0, 0.0, 0
    for kind, count, seed, uplink_bps in cases(quick=quick):
        problem = KINDS[kind](count, seed)
        try:
            list_closed_sets(problem[0], 100_000)
            raise SystemExit(f"{kind} of {count} layers has too few closed sets to measure what is beyond the table")
        except TooManySplitsError:
            pass
        cuts, smallest, smallest_took_s, lowest, lowest_took_s = measured(problem, uplink_bps)
        worst = max(worst, smallest, lowest)
        slowest_s = max(slowest_s, smallest_took_s, lowest_took_s)
        missed += (max(smallest, lowest) > AIM) + (max(smallest_took_s, lowest_took_s) > AIM_S)
        print(
            f"{kind:20}{count:7}{uplink_bps / 1e6:8.0f}{cuts:9.4f}{smallest:9.4f}{smallest_took_s:7.2f}"
            f"{lowest:9.4f}{lowest_took_s:7.2f}",
            flush=True,
        )
    print(f"worst ratio {worst:.4f}, slowest call {slowest_s:.2f} s, beyond the aim: {missed}")


if __name__ == "__main__":
    main()
