"""What a split costs in arithmetic: head and tail against the whole eager model.

Run with ``python -m bench.split_compute`` (about five minutes; ``--quick``: one). One torch thread, in one process that
keeps freed memory as the commands do. Eager is the original module in inference mode with a contiguous input. It and
the three splits of a model (everything in the cloud, half of the layers, everything on the edge) take turns, so that a
slow moment falls on all; a split's time holds head, arrays as they are sent, values as they arrive, and tail.

Then, for some models: what the profile predicts of head and tail at random splits against what they take, and how much
longer a frame takes that finds the caches cold, after a second of idleness.

Each run is timed by the clock on the wall and by the thread's own processor time. The two agree on a quiet machine; on
a busy one the second still tells.
"""

import argparse
import dataclasses
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch

import models
from bench.decide_report import machine
from models.memory import keep_freed_memory

WANTED = 0.85
MODELS = (
    *(f"torchvision:{name}" for name in ("alexnet", "vgg16", "resnet18", "resnet50", "googlenet", "mobilenet_v2")),
    *(f"torchvision:{name}" for name in ("inception_v3", "densenet121")),
    *(f"zoo:{name}" for name in ("efficientnet_lite0", "nin", "tiny_yolov2")),
    *(f"torchvision:{name}" for name in ("vit_b_16", "swin_t")),
)
PREDICTED = ("torchvision:alexnet", "torchvision:mobilenet_v2", "torchvision:googlenet", "torchvision:resnet50")
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

    @property
    def error(self) -> float:
        """Of head and tail together, relative."""
        return abs(self.head_predicted_s + self.tail_predicted_s - self.head_s - self.tail_s) / (
            self.head_s + self.tail_s
        )


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


def through(model: models.Model, edge: frozenset[str]) -> Callable[[], object]:
    """Head, arrays, values and tail, one after another."""
    head, tail = model.split(edge)

    def run() -> object:
        return tail(arrived(model, head(*model.example_inputs)))

    return run


def arrived(model: models.Model, sent: dict[str, models.Value]) -> dict[str, models.Value]:
    """The values as they come out of the arrays that are sent."""
    return {
        name: models.value_of(models.arrays_of(value), model.layer_specs[name], model.device)
        for name, value in sent.items()
    }


def splits(model: models.Model) -> dict[str, frozenset[str]]:
    """Three splits by name."""
    names = [layer.name for layer in model.graph.layers]
    inputs = [layer.name for layer in model.graph.layers if not layer.inputs]
    half = frozenset([*inputs, *names[: len(names) // 2]])
    return {"cloud-only": frozenset(inputs), "middle": half, "edge-only": frozenset(names)}


def measure_splits(model: models.Model, repeats: int) -> list[SplitRow]:
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


def measure_predictions(model: models.Model, count: int, repeats: int) -> list[PredictionRow]:
    """Head and tail at random splits of the topological order; the profile's scale is taken from processor time."""
    profile = models.profile(model, repeats=repeats)
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


def measure_idle(model: models.Model, repeats: int) -> IdleRow:
    """A run after a second of sleep and the run right after it, in pairs."""
    run = through(model, splits(model)["cloud-only"])
    run()
    cold, warm = [], []
    for _ in range(repeats):
        time.sleep(_IDLE_S)
        cold.append(timed(run).cpu_s)
        warm.append(timed(run).cpu_s)
    return IdleRow(model.name, median(warm), ratio(cold, warm))


def print_split(row: SplitRow) -> None:
    print(
        f"{row.model:30} {row.split:10} {row.edge_layers:4}/{row.layers:<4} eager {1e3 * row.eager_s:7.1f} ms"
        f"  split {1e3 * row.split_s:7.1f} ms  ratio {row.ratio.median:.3f} [{row.ratio.low:.3f}, {row.ratio.high:.3f}]"
        f"  processor {row.cpu_ratio.median:.3f} [{row.cpu_ratio.low:.3f}, {row.cpu_ratio.high:.3f}]",
        flush=True,
    )


def print_prediction(rows: list[PredictionRow]) -> None:
    errors = sorted(row.error for row in rows)
    print(f"{rows[0].model:30} {len(rows)} splits: head + tail off by {median(errors):.1%}, at most {errors[-1]:.1%}")
    for row in rows:
        print(
            f"    {row.edge_layers:4} layers on the edge: head {1e3 * row.head_predicted_s:6.1f} predicted,"
            f" {1e3 * row.head_s:6.1f} ms; tail {1e3 * row.tail_predicted_s:6.1f}, {1e3 * row.tail_s:6.1f} ms",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="SPEC", help="of the first table")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="write the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keeps_memory = keep_freed_memory()
    repeats = 5 if arguments.quick else 15
    split_rows: list[SplitRow] = []
    for spec in arguments.models:
        for row in measure_splits(models.load(spec), repeats):
            split_rows.append(row)
            print_split(row)
    overall = median(row.ratio.median for row in split_rows)
    print(f"median of all {overall:.3f}, of processor time {median(row.cpu_ratio.median for row in split_rows):.3f}")
    print(f"{sum(row.ratio.median <= WANTED for row in split_rows)} of {len(split_rows)} are at most {WANTED}")
    predictions: list[PredictionRow] = []
    idle: list[IdleRow] = []
    for spec in PREDICTED:
        model = models.load(spec)
        rows = measure_predictions(model, 10, 3 if arguments.quick else 7)
        predictions += rows
        print_prediction(rows)
        idle.append(measure_idle(model, 3 if arguments.quick else 7))
        print(f"{spec:30} after {_IDLE_S:.0f} s idle {idle[-1].ratio.median:.3f} times as long")
    if arguments.output is not None:
        tables: dict[str, Sequence[Any]] = {"splits": split_rows, "predictions": predictions, "idle": idle}
        data = {"machine": machine(), "keeps_freed_memory": keeps_memory, "wanted": WANTED, "median_ratio": overall}
        data |= {name: [dataclasses.asdict(row) for row in table] for name, table in tables.items()}
        arguments.output.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
