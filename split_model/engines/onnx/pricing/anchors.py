"""Prices a model's layers in ONNX Runtime, so that sums of prices are the times of heads and tails.

What the profiler tells of kernels does not add up to the times of parts: layouts are changed where a part begins and
ends, and caches are in another state. So some splits are measured as they will run, head and tail in turn; each says
which share of the model's time the layers before it take. Between two such anchors the kernels' times divide the share.
`docs/decisions/0307-layers-are-priced-by-anchors.md` has the errors that are left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from statistics import median
from time import perf_counter

from split_model.definition import Definition
from split_model.engines.clock import compute_clock
from split_model.engines.memory import give_back_freed_memory
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.pricing.kernel_times import kernel_times
from split_model.engines.profile import Profile
from split_model.parts import crossing, remote_outputs, tail_spec
from split_model.values import Value

__all__ = ["anchors", "measure", "priced"]

_KERNEL_RUNS = 3
_MOST_ANCHORS = 4
_LEAST_SHARE = 0.02
"""Anchors with a smaller head or tail would be measured badly."""

_LEAST_S = 1e-9  # a coarse clock may not move during a run


def measure(
    builder: Builder,
    definition: Definition,
    feeds: Mapping[str, Value],
    *,
    repeats: int,
    warmup: int,
    on_progress: Callable[[int, int], None] | None,
) -> Profile:
    """The times of a model's layers; see `split_model.engines.engine.Engine.measure`.

    It takes about as long as 8 + 5 `repeats` runs of the model, and as making 11 sessions, most of them of parts.
    """
    spec = tail_spec(definition, feeds.keys(), (), [output.path for output in definition.outputs.specs])
    kernels = kernel_times(definition, builder.extracted(spec), builder.folder, builder.threads, feeds, _KERNEL_RUNS)
    layers = [entry.name for entry in definition.graph.layers]
    weights = [kernels.get(name, 0.0) for name in layers]
    places = anchors(definition, weights)
    progress = _Progress(on_progress, 2 + len(places))
    progress.step()
    # Nothing holds the session: beside those of the anchors it would only take memory.
    whole_s = _timed(repeats, warmup, _clock(builder.threads), partial(builder.lasting(spec).run, feeds))
    progress.step()
    shares = []
    for place in places:
        shares.append(_share(builder, definition, frozenset(layers[:place]), feeds, repeats))
        give_back_freed_memory()  # its sessions had weights of their own
        progress.step()
    return Profile(priced(weights, places, shares, whole_s), whole_s)


def anchors(definition: Definition, weights: Sequence[float]) -> tuple[int, ...]:
    """Where to measure: numbers of layers in graph order, whose heads take about equally many more times each.

    Near each of these places, the one with the fewest values that cross is taken, because there the engine's fusing is
    least disturbed.

    Args:
        definition: The model.
        weights: About the seconds of each layer, in graph order.
    """
    layers = definition.graph.layers
    last_reader = {name: place for place, entry in enumerate(layers) for name in entry.inputs}
    done = list(accumulate(weights))
    if not layers or done[-1] <= 0:
        return ()
    crossings = [
        sum(last_reader.get(entry.name, -1) >= place for entry in layers[:place]) for place in range(len(layers))
    ]
    chosen = set()
    for number in range(1, _MOST_ANCHORS + 1):
        target = number / (_MOST_ANCHORS + 1)
        near = [
            (crossings[place], abs(share - target), place)
            for place in range(1, len(layers))
            if layers[place].inputs
            and abs((share := done[place - 1] / done[-1]) - target) <= 0.5 / (_MOST_ANCHORS + 1)
            and _LEAST_SHARE < share < 1 - _LEAST_SHARE
        ]
        if near:
            chosen.add(min(near)[2])
    return tuple(sorted(chosen))


def priced(
    weights: Sequence[float], places: Sequence[int], shares: Sequence[float], whole_s: float
) -> tuple[float, ...]:
    """The seconds of each layer; their sum is that of the whole model.

    Args:
        weights: About the seconds of each layer, in graph order.
        places: The anchors, as numbers of layers, ascending.
        shares: For each anchor, the share of the time that the layers before it take.
        whole_s: Seconds of the whole model.
    """
    borders = [0, *places, len(weights)]
    levels = list(accumulate([0.0, *shares, 1.0], max))  # a later anchor's head holds an earlier one's
    prices: list[float] = []
    for (start, end), (low, high) in zip(pairwise(borders), pairwise(levels), strict=True):
        part = weights[start:end]
        total = sum(part)
        even = [1 / len(part)] * len(part) if total <= 0 else [weight / total for weight in part]
        prices += [whole_s * (high - low) * fraction for fraction in even]
    return tuple(prices)


@dataclass(slots=True)
class _Progress:
    report: Callable[[int, int], None] | None
    total: int
    done: int = 0

    def step(self) -> None:
        self.done += 1
        if self.report is not None:
            self.report(self.done, self.total)


def _share(
    builder: Builder, definition: Definition, edge: frozenset[str], feeds: Mapping[str, Value], repeats: int
) -> float:
    """The share of a split's time that its head takes.

    The sessions are not lasting ones: packing their weights would take longer than all runs here, and few of these
    splits are ever used.
    """
    sends = crossing(definition, edge)
    head = builder.once(tail_spec(definition, feeds.keys(), sends, ()))
    tail = builder.once(tail_spec(definition, sends, (), remote_outputs(definition, edge)))
    clock = _clock(builder.threads)
    shares = []
    for repeat in range(1 + repeats):  # in turn, so that a temporary slowdown affects both sides of a share
        begun_s = clock()
        values = head.run(feeds).layers
        between_s = clock()
        tail.run(values)
        if repeat:
            shares.append((between_s - begun_s) / max(clock() - begun_s, _LEAST_S))
    return median(shares)


def _clock(threads: int) -> Callable[[], float]:
    """The thread's processor time; with several threads the wall clock, because others are not counted there."""
    return compute_clock() if threads == 1 else perf_counter


def _timed(repeats: int, warmup: int, clock: Callable[[], float], run: Callable[[], object]) -> float:
    seconds = []
    for repeat in range(warmup + repeats):
        begun_s = clock()
        run()
        if repeat >= warmup:
            seconds.append(clock() - begun_s)
    return median(seconds)
