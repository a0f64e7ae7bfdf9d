"""What a split costs in arithmetic: head and tail against the whole eager model.

In one process that keeps freed memory as the commands do. Then, for some models: what the profile predicts of head and
tail at random splits, and how much longer a frame takes that finds the caches cold.
"""

import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median, quantiles
from typing import Any

import torch

import split_model
from bench.live.model_files import KEPT
from bench.publishing.harness import Benchmark, Run, turns
from bench.split_compute.report import report
from split_model.engines.memory import keep_freed_memory

QUICK_MODELS = (
    *(f"torchvision:{name}" for name in ("alexnet", "resnet18", "resnet50", "googlenet", "mobilenet_v2")),
    "zoo:efficientnet_lite0",
)
FULL_MODELS = (
    *(f"torchvision:{name}" for name in ("alexnet", "vgg16", "resnet18", "resnet50", "googlenet", "mobilenet_v2")),
    *(f"torchvision:{name}" for name in ("inception_v3", "densenet121")),
    *(f"zoo:{name}" for name in ("efficientnet_lite0", "nin", "tiny_yolov2")),
    *(f"torchvision:{name}" for name in ("vit_b_16", "swin_t")),
)
# Whose profile is held against random splits, and how many of them.
QUICK_PREDICTED, QUICK_SPLITS = ("torchvision:alexnet", "torchvision:googlenet"), 6
FULL_PREDICTED, FULL_SPLITS = (*QUICK_PREDICTED, "torchvision:mobilenet_v2", "torchvision:resnet50"), 10
QUICK_REPEATS, FULL_REPEATS = 5, 15
_IDLE_S = 1.0

Row = dict[str, Any]
Times = tuple[list[float], list[float]]


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Times one run: seconds on the wall, and of this thread's processor."""
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    run()
    return time.perf_counter() - wall_s, time.thread_time() - cpu_s


def in_turns(runs: Mapping[str, Callable[[], object]], repeats: int, warmup: int = 0) -> dict[str, Times]:
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for name, counts in turns(runs, repeats, warmup=warmup):
        took = timed(runs[name])
        taken[name] += [took] if counts else []
    return {name: ([wall_s for wall_s, _ in found], [cpu_s for _, cpu_s in found]) for name, found in taken.items()}


def ratio(numerators: list[float], denominators: list[float]) -> dict[str, float]:
    """Paired ratios of two things that took turns: median and quartiles."""
    ratios = [one / other for one, other in zip(numerators, denominators, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return {"median": median(ratios), "low": low, "high": high}


def through(model: split_model.Model, edge: frozenset[str]) -> Callable[[], object]:
    """Head, arrays, values and tail, one after another."""
    head, tail = model.split(edge)
    return lambda: tail(arrived(model, head.run(model.example_inputs)))


def arrived(model: split_model.Model, sent: dict[str, split_model.Value]) -> dict[str, split_model.Value]:
    """The values as they come out of the arrays that are sent."""
    return {
        name: split_model.value_of(split_model.arrays_of(value), model.layer_specs[name])
        for name, value in sent.items()
    }


def splits(model: split_model.Model) -> dict[str, frozenset[str]]:
    names = [layer.name for layer in model.graph.layers]
    inputs = frozenset(layer.name for layer in model.graph.layers if not layer.inputs)
    return {"cloud-only": inputs, "middle": inputs | {*names[: len(names) // 2]}, "edge-only": frozenset(names)}


def measure_splits(model: split_model.Model, repeats: int) -> list[Row]:
    """Head and tail at the three splits against the whole eager model."""
    chosen = splits(model)
    runs: dict[str, Callable[[], object]] = {"eager": lambda: model(*model.example_inputs)}
    runs |= {name: through(model, edge) for name, edge in chosen.items()}
    taken = in_turns(runs, repeats, warmup=2)
    eager_s, eager_cpu_s = taken["eager"]
    return [
        {
            "model": model.name,
            "layers": len(model.graph),
            "split": name,
            "edge_layers": len(edge),
            "eager_s": median(eager_s),
            "split_s": median(taken[name][0]),
            "ratio": ratio(taken[name][0], eager_s),
            "cpu_ratio": ratio(taken[name][1], eager_cpu_s),
        }
        for name, edge in chosen.items()
    ]


def measure_predictions(model: split_model.Model, count: int, repeats: int) -> list[Row]:
    """Processor seconds of head and tail at random splits of the topological order, predicted and measured.

    The profile's scale is taken from processor time.
    """
    profile = split_model.profile(model, repeats=repeats, anew=True)
    names = [layer.name for layer in model.graph.layers]
    whole = through(model, splits(model)["cloud-only"])
    scale = median(timed(whole)[1] for _ in range(repeats)) / profile.whole_s
    generator = random.Random(model.name)  # noqa: S311  # a sample, no secret
    rows = []
    for position in sorted(generator.sample(range(1, len(names)), min(count, len(names) - 1))):
        head, tail = model.split(frozenset(names[:position]))
        values = arrived(model, head.run(model.example_inputs))
        taken = in_turns({"head": partial(head.run, model.example_inputs), "tail": partial(tail, values)}, repeats)
        rows.append(
            {
                "model": model.name,
                "head_predicted_s": scale * sum(profile.layer_s[:position]),
                "head_s": median(taken["head"][1]),
                "tail_predicted_s": scale * sum(profile.layer_s[position:]),
                "tail_s": median(taken["tail"][1]),
            }
        )
    return rows


def measure_idle(model: split_model.Model, repeats: int) -> Row:
    """A run after a second of sleep and the run right after it, in pairs (processor seconds)."""
    run = through(model, splits(model)["cloud-only"])
    run()
    cold, warm = [], []
    for _ in range(repeats):
        time.sleep(_IDLE_S)
        cold.append(timed(run)[1])
        warm.append(timed(run)[1])
    return {"model": model.name, "busy_s": median(warm), "ratio": ratio(cold, warm)}


def measure(run: Run) -> dict[str, Any]:
    torch.set_num_threads(1)
    keep_freed_memory()
    models, predicted, count = (
        (FULL_MODELS, FULL_PREDICTED, FULL_SPLITS) if run.full else (QUICK_MODELS, QUICK_PREDICTED, QUICK_SPLITS)
    )

    def measure_model(model: str, repeats: int) -> dict[str, list[Row]]:
        loaded, fewer = split_model.load(model, engine="torch", cache=KEPT), max(3, repeats // 2)
        return {
            "splits": measure_splits(loaded, repeats),
            "predictions": measure_predictions(loaded, count, fewer) if model in predicted else [],
            "idle": [measure_idle(loaded, fewer)] if model in predicted else [],
        }

    repeats = FULL_REPEATS if run.full else QUICK_REPEATS
    found = run.cells([{"model": spec, "repeats": repeats} for spec in models], measure_model)
    tables = {name: [row for told in found for row in told[name]] for name in ("splits", "predictions", "idle")}
    return {"idle_s": _IDLE_S, **tables}


BENCHMARK = Benchmark(
    "split_compute",
    "Head and tail against the whole eager model.",
    measure,
    report,
    full="more models and repeats",
    engine="torch",
)

if __name__ == "__main__":
    BENCHMARK.main()
