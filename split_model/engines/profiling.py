"""Profiling: the time of each layer on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch

from split_model.errors import ModelError
from split_model.model import Model
from split_model.split import Tail
from split_model.values import Value

__all__ = ["Profile", "profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Measured times of a model on one device.

    Attributes:
        layer_s: Seconds of each layer, in graph order; 0 for inputs. Their sum is `whole_s`.
        whole_s: Seconds of the whole model in one run of its schedule.
    """

    layer_s: tuple[float, ...]
    whole_s: float


def profile(
    model: Model, *, repeats: int = 5, warmup: int = 2, on_progress: Callable[[int, int], None] | None = None
) -> Profile:
    """Measures each layer inside runs of the whole model, so that the state of the caches is realistic.

    Timing every layer slows a run down (reading the clock; waiting for the device on CUDA), and on a CPU it measures
    CPU time. So the layers' times are scaled: their sum becomes the wall time of runs without timed layers.

    Args:
        model: The model, on its device.
        repeats: Runs of each kind, whose medians count; at least 1.
        warmup: Runs before these, which do not count.
        on_progress: Called with the number of runs done, and of all runs.

    Raises:
        ModelError: `repeats` is less than 1.
    """
    if repeats < 1:
        raise ModelError(f"repeats must be at least 1, got {repeats}")
    tail, feeds = _whole(model)
    seconds: dict[str, list[float]] = {entry.name: [] for entry in model.graph.layers}
    whole: list[float] = []
    total = warmup + 2 * repeats
    for done in range(total):
        if done < warmup:
            tail.run(feeds)
        elif (done - warmup) % 2:  # the two kinds alternate, so that a temporary slowdown affects both
            for name, layer_s in _recorded(tail, feeds).items():
                seconds[name].append(layer_s)
        else:
            whole.append(_timed(model, tail, feeds))
        if on_progress is not None:
            on_progress(done + 1, total)
    medians = [median(samples) if samples else 0.0 for samples in seconds.values()]
    whole_s = median(whole)
    scale = whole_s / sum(medians) if sum(medians) > 0 else 0.0
    return Profile(tuple(layer_s * scale for layer_s in medians), whole_s)


def _whole(model: Model) -> tuple[Tail, dict[str, Value]]:
    names = [entry.name for entry in model.graph.layers if not entry.inputs]
    head, _ = model.split(frozenset(names))
    values = head(*model.example_inputs)
    return model.tail(values.keys()), values


def _recorded(tail: Tail, feeds: dict[str, Value]) -> dict[str, float]:
    seconds: dict[str, float] = {}

    def record(name: str, layer_s: float) -> None:
        seconds[name] = seconds.get(name, 0.0) + layer_s

    tail.run(feeds, record)
    return seconds


def _timed(model: Model, tail: Tail, feeds: dict[str, Value]) -> float:
    started_s = perf_counter()
    tail.run(feeds)
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
    return perf_counter() - started_s
