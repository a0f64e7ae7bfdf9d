"""How long a decision takes: by the closed-set table, and by a minimum cut for each decision.

Run with `make bench ARGS=decide` (about two minutes): loads and profiles real models, then measures on each, one after
another in the same process: building the table, pricing it anew for other layer times, and deciding again for another
link, light and heavy; and beside that the lowest-latency split by networkx, by scipy and by plain Dinic. All engines
are checked to agree. One thread; medians, with the fastest and the slowest run.
"""

import dataclasses
import math
import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

import split_model
from bench.decide.min_cut_engines import DinicEngine, Engine, NetworkxEngine, ScipyEngine
from bench.decide.report import report
from bench.publishing.pacer import Pacer
from bench.publishing.publish import arguments, carry_out
from partitioner import CostProfile, Decision, LayerGraph, Link, SplitTable

MODELS = ("alexnet", "resnet50", "googlenet", "inception_v3", "densenet201", "vit_l_16", "swin_v2_b")
# The edge is this many times slower than the cloud, whose times are measured here.
_SLOWDOWN = 8.0
_LINKS = 200
_EDGE_LOAD, _CLOUD_LOAD = 1.1, 1.3
_AGREE = 1e-9

Input = TypeVar("Input")


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds of repeated runs."""

    median_s: float
    min_s: float
    max_s: float
    runs: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's row.

    Attributes:
        model: Its name.
        layers: How many it has.
        sets: Closed sets in its table.
        build: A table from graph and times.
        reprice: A table from another one and other times.
        light: A decision under light load, for another link and load factors.
        heavy: One under heavy load.
        networkx: The lowest-latency split by networkx, for another link.
        scipy: The same by scipy.
        dinic: The same by plain Dinic.
    """

    model: str
    layers: int
    sets: int
    build: Spread
    reprice: Spread
    light: Spread
    heavy: Spread
    networkx: Spread
    scipy: Spread
    dinic: Spread


def spread(function: Callable[[Input], object], inputs: Iterable[Input]) -> Spread:
    """Times the function on each input."""
    times = []
    for value in inputs:
        begin = time.perf_counter()
        function(value)
        times.append(time.perf_counter() - begin)
    return Spread(statistics.median(times), min(times), max(times), len(times))


def decided(table: SplitTable, link: Link, rate_hz: float) -> Decision:
    """Decides with load factors, as a live loop does."""
    return table.decide(link, rate_hz, edge_load=_EDGE_LOAD, cloud_load=_CLOUD_LOAD)


def heavy_rate_hz(table: SplitTable, link: Link) -> float:
    """Returns a rate that the lowest-latency split does not keep up with, and another split does where there is one."""
    light_hz = 1.0 / table.dsl(link, edge_load=_EDGE_LOAD, cloud_load=_CLOUD_LOAD).bottleneck_s
    highest_hz = 1.0 / table.dsh(link, edge_load=_EDGE_LOAD, cloud_load=_CLOUD_LOAD).bottleneck_s
    return math.sqrt(light_hz * highest_hz) if highest_hz > 1.001 * light_hz else 1.01 * highest_hz


def check_agreement(engines: Sequence[Engine], table: SplitTable, links: Sequence[Link]) -> None:
    """Stops the benchmark when an engine finds another optimum: a wrong answer's time is worth nothing."""
    for link in links:
        expected_s = table.dsl(link).latency_s
        for engine in engines:
            found_s = engine.lowest_latency_s(link)
            if not math.isclose(found_s, expected_s, rel_tol=_AGREE):
                raise SystemExit(f"{type(engine).__name__} finds {found_s} s where the table finds {expected_s} s")


def measure(name: str, graph: LayerGraph, costs: CostProfile) -> Measured:
    """Measures everything on one model."""
    rng = random.Random(2019)  # noqa: S311  # link rates only
    links = [Link(10 ** rng.uniform(5, 9), fixed_s=0.01) for _ in range(_LINKS)]
    table = SplitTable(graph, costs)
    heavy = [(link, heavy_rate_hz(table, link)) for link in links]
    networkx, scipy, dinic = NetworkxEngine(graph, costs), ScipyEngine(graph, costs), DinicEngine(graph, costs)
    check_agreement((networkx, scipy, dinic), table, links[:3])
    modes = [decided(table, link, rate_hz).mode for link, rate_hz in heavy]
    if set(modes) != {"heavy"}:
        raise SystemExit(f"{name}: what should be heavy load is not")
    return Measured(
        model=name,
        layers=len(graph),
        sets=len(table),
        build=spread(lambda fresh: SplitTable(graph, fresh), [costs] * 15),
        reprice=spread(table.with_costs, [costs] * 100),
        light=spread(lambda link: decided(table, link, 1e-3), links * 5),
        heavy=spread(lambda case: decided(table, *case), heavy * 5),
        networkx=spread(networkx.lowest_latency_s, links[:9]),
        scipy=spread(scipy.lowest_latency_s, links[:50]),
        dinic=spread(dinic.lowest_latency_s, links[:9]),
    )


def load(name: str) -> tuple[LayerGraph, CostProfile]:
    """Exports a model and measures its layers here; seeded weights, which times do not depend on."""
    model = split_model.load(f"torchvision:{name}")
    layer_s = split_model.profile(model, repeats=1, warmup=1).layer_s
    return model.graph, CostProfile(tuple(_SLOWDOWN * seconds for seconds in layer_s), layer_s)


def measure_all(names: Sequence[str]) -> dict[str, object]:
    """Measures every model."""
    torch.set_num_threads(1)
    pacer = Pacer(16.0 * len(names))
    rows = []
    for name in names:
        pacer.say(f"{name}: loading")
        graph, costs = load(name)
        pacer.say(f"{name}: {len(graph)} layers, measuring")
        rows.append(dataclasses.asdict(measure(name, graph, costs)))
    return {"rows": rows}


def main() -> None:
    parser = arguments("How long a decision takes, by table and by minimum cut.")
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME", help="of torchvision")
    options = parser.parse_args()
    carry_out("decide", options, lambda _: measure_all(options.models), report)


if __name__ == "__main__":
    main()
