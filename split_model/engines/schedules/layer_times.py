"""Measures each layer of a schedule inside runs of the whole model.

Timing every layer slows a run down (reading the clock; waiting for the device on CUDA), and on a CPU it measures CPU
time. So the layers' times are scaled: their sum becomes the wall time of runs without timed layers.
"""

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from split_model.engines.engine import Part
from split_model.engines.profile import Profile
from split_model.parts import tail_spec
from split_model.values import Value

if TYPE_CHECKING:  # the engine imports this module
    from split_model.engines.schedules.engine import TorchEngine

__all__ = ["measured"]


def measured(
    engine: "TorchEngine",
    feeds: Mapping[str, Value],
    *,
    repeats: int,
    warmup: int,
    on_progress: Callable[[int, int], None] | None,
) -> Profile:
    """The times of a model's layers; see `split_model.engines.engine.Engine.measure`."""
    definition = engine.definition
    paths = [spec.path for spec in definition.outputs.specs]
    tail = engine.part(tail_spec(definition, feeds.keys(), (), paths))
    seconds: dict[str, list[float]] = {entry.name: [] for entry in definition.graph.layers}
    whole: list[float] = []
    total = warmup + 2 * repeats
    for done in range(total):
        if done < warmup:
            tail.run(feeds)
        elif (done - warmup) % 2:  # the two kinds alternate, so that a temporary slowdown affects both
            for name, layer_s in _recorded(tail, feeds).items():
                seconds[name].append(layer_s)
        else:
            whole.append(_timed(engine, tail, feeds))
        if on_progress is not None:
            on_progress(done + 1, total)
    medians = [median(samples) if samples else 0.0 for samples in seconds.values()]
    whole_s = median(whole)
    scale = whole_s / sum(medians) if sum(medians) > 0 else 0.0
    return Profile(tuple(layer_s * scale for layer_s in medians), whole_s)


def _recorded(tail: Part, feeds: Mapping[str, Value]) -> dict[str, float]:
    seconds: dict[str, float] = {}

    def record(name: str, layer_s: float) -> None:
        seconds[name] = seconds.get(name, 0.0) + layer_s

    tail.run(feeds, record)
    return seconds


def _timed(engine: "TorchEngine", tail: Part, feeds: Mapping[str, Value]) -> float:
    started_s = perf_counter()
    tail.run(feeds)
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)
    return perf_counter() - started_s
