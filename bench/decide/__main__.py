"""How long a decision takes: by the closed-set table, and by a minimum cut for each decision.

On real models, one after another in the same process. All engines are checked to agree.
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, TypeVar

import torch

import split_model
from bench.decide.min_cut_engines import Engine, dinic_engine, networkx_engine, scipy_engine
from bench.decide.report import report
from bench.publishing.harness import Benchmark, Run
from partitioner import CostProfile, LayerGraph, Link, SplitTable

MODELS = ("alexnet", "resnet50", "googlenet", "inception_v3", "densenet201", "vit_l_16", "swin_v2_b")
# The edge is this many times slower than the cloud, whose times are measured here.
_SLOWDOWN = 8.0
_LINKS = 200
# Decisions are made with load factors, as in a live loop.
_LOADS: dict[str, Any] = {"edge_load": 1.1, "cloud_load": 1.3}

Input = TypeVar("Input")


def spread(function: Callable[[Input], object], inputs: Iterable[Input]) -> dict[str, float]:
    times = []
    for value in inputs:
        begin = time.perf_counter()
        function(value)
        times.append(time.perf_counter() - begin)
    return {"median_s": median(times), "min_s": min(times), "max_s": max(times)}


def heavy_rate_hz(table: SplitTable, link: Link) -> float:
    """A rate that the lowest-latency split does not keep up with, and another split does where there is one."""
    light_hz = 1.0 / table.dsl(link, **_LOADS).bottleneck_s
    highest_hz = 1.0 / table.dsh(link, **_LOADS).bottleneck_s
    return math.sqrt(light_hz * highest_hz) if highest_hz > 1.001 * light_hz else 1.01 * highest_hz


def check_agreement(engines: Iterable[Engine], table: SplitTable, links: Sequence[Link]) -> None:
    """Stops the benchmark when an engine finds another optimum: a wrong answer's time is worth nothing."""
    for engine in engines:
        for link in links:
            found_s, expected_s = engine(link), table.dsl(link).latency_s
            if not math.isclose(found_s, expected_s, rel_tol=1e-9):
                raise SystemExit(f"{engine.__qualname__} finds {found_s} s where the table finds {expected_s} s")


def measure_model(model: str) -> dict[str, Any]:
    graph, costs = load(model)
    rng = random.Random(2019)  # noqa: S311  # link rates only
    links = [Link(10 ** rng.uniform(5, 9), fixed_s=0.01) for _ in range(_LINKS)]
    table = SplitTable(graph, costs)
    heavy = [(link, heavy_rate_hz(table, link)) for link in links]
    networkx, scipy, dinic = networkx_engine(graph, costs), scipy_engine(graph, costs), dinic_engine(graph, costs)
    check_agreement((networkx, scipy, dinic), table, links[:3])
    if any(table.decide(*case, **_LOADS).mode != "heavy" for case in heavy):
        raise SystemExit(f"{model}: what should be heavy load is not")
    return {
        "model": model,
        "layers": len(graph),
        "sets": len(table),
        "build": spread(lambda fresh: SplitTable(graph, fresh), [costs] * 15),
        "reprice": spread(table.with_costs, [costs] * 100),
        "light": spread(lambda link: table.decide(link, 1e-3, **_LOADS), links * 5),
        "heavy": spread(lambda case: table.decide(*case, **_LOADS), heavy * 5),
        "networkx": spread(networkx, links[:9]),
        "scipy": spread(scipy, links[:50]),
        "dinic": spread(dinic, links[:9]),
    }


def load(name: str) -> tuple[LayerGraph, CostProfile]:
    """Exports a model and measures its layers here; seeded weights, which times do not depend on."""
    model = split_model.load(f"torchvision:{name}")
    layer_s = split_model.profile(model, repeats=1, warmup=1).layer_s
    return model.graph, CostProfile(tuple(_SLOWDOWN * seconds for seconds in layer_s), layer_s)


def measure(run: Run) -> dict[str, Any]:
    torch.set_num_threads(1)
    return {"rows": run.cells([{"model": name} for name in run.options.models], measure_model)}


BENCHMARK = Benchmark(
    "decide",
    "How long a decision takes, by table and by minimum cut.",
    measure,
    report,
    extra={"--models": {"nargs": "+", "default": MODELS, "metavar": "NAME", "help": "of torchvision"}},
)

if __name__ == "__main__":
    BENCHMARK.main()
