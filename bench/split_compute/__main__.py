"""What a split costs in arithmetic: head and tail against the whole eager model.

Run with `make bench ARGS=split_compute` (less than a minute) or `make bench-full ARGS=split_compute` (about six
minutes: more models and repeats; resumable). One torch thread, in one process that keeps freed memory as the commands
do. Eager is the original module in inference mode with a contiguous input. It and the three splits of a model
(everything in the cloud, half of the layers, everything on the edge) take turns, so that a slow moment falls on all; a
split's time holds head, arrays as they are sent, values as they arrive, and tail.

Then, for some models: what the profile predicts of head and tail at random splits against what they take, and how much
longer a frame takes that finds the caches cold, after a second of idleness.

Each run is timed by the clock on the wall and by the thread's own processor time. The two agree on a quiet machine; on
a busy one the second still tells.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch

import split_model
from bench.publishing.journal import Journal
from bench.publishing.pacer import Pacer
from bench.publishing.publish import arguments, carry_out
from bench.split_compute.report import report
from split_model.engines.memory import keep_freed_memory


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        models: Whose splits are held against the eager model.
        predicted: Whose profile is held against random splits.
        splits: How many random splits.
        repeats: Runs of each.
        expected_s: About how long a model takes.
    """

    models: tuple[str, ...]
    predicted: tuple[str, ...]
    splits: int
    repeats: int
    expected_s: float


QUICK = Plan(
    models=(
        *(f"torchvision:{name}" for name in ("alexnet", "resnet18", "resnet50", "googlenet", "mobilenet_v2")),
        "zoo:efficientnet_lite0",
    ),
    predicted=("torchvision:alexnet", "torchvision:googlenet"),
    splits=6,
    repeats=5,
    expected_s=6.0,
)
FULL = Plan(
    models=(
        *(f"torchvision:{name}" for name in ("alexnet", "vgg16", "resnet18", "resnet50", "googlenet", "mobilenet_v2")),
        *(f"torchvision:{name}" for name in ("inception_v3", "densenet121")),
        *(f"zoo:{name}" for name in ("efficientnet_lite0", "nin", "tiny_yolov2")),
        *(f"torchvision:{name}" for name in ("vit_b_16", "swin_t")),
    ),
    predicted=tuple(f"torchvision:{name}" for name in ("alexnet", "mobilenet_v2", "googlenet", "resnet50")),
    splits=10,
    repeats=15,
    expected_s=25.0,
)
_IDLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds on the wall, and of this thread's processor."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """Paired ratios of two things that took turns: median and quartiles."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SplitRow:
    """Head and tail at one split, against the whole eager model."""

    model: str
    layers: int
    split: str
    edge_layers: int
    eager_s: float
    split_s: float
    ratio: Ratio
    cpu_ratio: Ratio


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """One random split: processor seconds that the profile predicts, and measured ones."""

    model: str
    edge_layers: int
    head_predicted_s: float
    head_s: float
    tail_predicted_s: float
    tail_s: float


@dataclass(frozen=True, slots=True)
class IdleRow:
    """The whole schedule after idleness, against one run right after another (processor seconds)."""

    model: str
    busy_s: float
    ratio: Ratio


def timed(run: Callable[[], object]) -> Sample:
    """Times one run."""
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    run()
    return Sample(time.perf_counter() - wall_s, time.thread_time() - cpu_s)


def ratio(numerators: list[float], denominators: list[float]) -> Ratio:
    """Of pairs."""
    ratios = [one / other for one, other in zip(numerators, denominators, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return Ratio(median(ratios), low, high)


def through(model: split_model.Model, edge: frozenset[str]) -> Callable[[], object]:
    """Head, arrays, values and tail, one after another."""
    head, tail = model.split(edge)

    def run() -> object:
        return tail(arrived(model, head(*model.example_inputs)))

    return run


def arrived(model: split_model.Model, sent: dict[str, split_model.Value]) -> dict[str, split_model.Value]:
    """The values as they come out of the arrays that are sent."""
    return {
        name: split_model.value_of(split_model.arrays_of(value), model.layer_specs[name], model.device)
        for name, value in sent.items()
    }


def splits(model: split_model.Model) -> dict[str, frozenset[str]]:
    """Three splits by name."""
    names = [layer.name for layer in model.graph.layers]
    inputs = [layer.name for layer in model.graph.layers if not layer.inputs]
    half = frozenset([*inputs, *names[: len(names) // 2]])
    return {"cloud-only": frozenset(inputs), "middle": half, "edge-only": frozenset(names)}


def measure_splits(model: split_model.Model, repeats: int) -> list[SplitRow]:
    """Eager and the three splits, taking turns."""
    chosen = splits(model)
    runs: dict[str, Callable[[], object]] = {"eager": lambda: model(*model.example_inputs)}
    runs |= {name: through(model, edge) for name, edge in chosen.items()}
    samples: dict[str, list[Sample]] = {name: [] for name in runs}
    for repeat in range(repeats + 2):
        for name, run in runs.items():
            sample = timed(run)
            if repeat >= 2:
                samples[name].append(sample)
    wall = {name: [sample.wall_s for sample in taken] for name, taken in samples.items()}
    cpu = {name: [sample.cpu_s for sample in taken] for name, taken in samples.items()}
    return [
        SplitRow(
            model=model.name,
            layers=len(model.graph),
            split=name,
            edge_layers=len(edge),
            eager_s=median(wall["eager"]),
            split_s=median(wall[name]),
            ratio=ratio(wall[name], wall["eager"]),
            cpu_ratio=ratio(cpu[name], cpu["eager"]),
        )
        for name, edge in chosen.items()
    ]


def measure_predictions(model: split_model.Model, count: int, repeats: int) -> list[PredictionRow]:
    """Head and tail at random splits of the topological order; the profile's scale is taken from processor time."""
    profile = split_model.profile(model, repeats=repeats)
    names = [layer.name for layer in model.graph.layers]
    whole = through(model, splits(model)["cloud-only"])
    scale = median(timed(whole).cpu_s for _ in range(repeats)) / profile.whole_s
    predicted_s = dict(zip(names, (scale * layer_s for layer_s in profile.layer_s), strict=True))
    generator = random.Random(model.name)  # noqa: S311  # a sample, no secret
    rows = []
    for position in sorted(generator.sample(range(1, len(names)), min(count, len(names) - 1))):
        edge = frozenset(names[:position])
        head, tail = model.split(edge)
        values = arrived(model, head(*model.example_inputs))
        heads, tails = [], []
        for _ in range(repeats):
            heads.append(timed(lambda head=head: head(*model.example_inputs)).cpu_s)  # type: ignore[misc]  # a default
            tails.append(timed(lambda tail=tail, values=values: tail(values)).cpu_s)  # type: ignore[misc]  # likewise
        head_predicted_s = sum(predicted_s[name] for name in edge)
        tail_predicted_s = sum(predicted_s.values()) - head_predicted_s
        rows.append(
            PredictionRow(model.name, position, head_predicted_s, median(heads), tail_predicted_s, median(tails))
        )
    return rows


def measure_idle(model: split_model.Model, repeats: int) -> IdleRow:
    """A run after a second of sleep and the run right after it, in pairs."""
    run = through(model, splits(model)["cloud-only"])
    run()
    cold, warm = [], []
    for _ in range(repeats):
        time.sleep(_IDLE_S)
        cold.append(timed(run).cpu_s)
        warm.append(timed(run).cpu_s)
    return IdleRow(model.name, median(warm), ratio(cold, warm))


def measured(spec: str, plan: Plan) -> dict[str, Any]:
    """Everything about one model."""
    model = split_model.load(spec)
    told: dict[str, Any] = {"predictions": [], "idle": []}
    told["splits"] = [dataclasses.asdict(row) for row in measure_splits(model, plan.repeats)]
    if spec in plan.predicted:
        repeats = max(3, plan.repeats // 2)
        rows = measure_predictions(model, plan.splits, repeats)
        told["predictions"] = [dataclasses.asdict(row) for row in rows]
        told["idle"] = [dataclasses.asdict(measure_idle(model, repeats))]
    return told


def measure_all(plan: Plan, journal: Journal) -> dict[str, Any]:
    """Measures every model that is not in the journal."""
    torch.set_num_threads(1)
    keeps_memory = keep_freed_memory()
    cells = [{"model": spec, "repeats": plan.repeats} for spec in plan.models]
    pacer = Pacer(plan.expected_s * sum(journal.get(cell) is None for cell in cells))
    found: list[dict[str, Any]] = []
    for cell in cells:
        spec = str(cell["model"])
        if journal.get(cell) is None:
            pacer.say(spec)
            journal.put(cell, measured(spec, plan))
        found.append(journal.get(cell))
    tables = {name: [row for told in found for row in told[name]] for name in ("splits", "predictions", "idle")}
    return {"keeps_freed_memory": keeps_memory, "idle_s": _IDLE_S, **tables}


def main() -> None:
    options = arguments("Head and tail against the whole eager model.", full="more models and repeats").parse_args()
    carry_out("split_compute", options, lambda journal: measure_all(FULL if options.full else QUICK, journal), report)


if __name__ == "__main__":
    main()
