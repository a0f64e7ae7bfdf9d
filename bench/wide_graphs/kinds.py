"""Random graphs that are too wide to list: several kinds, any number of layers, the same for the same seed."""

import math
import random
from collections.abc import Callable

from partitioner import CostProfile, Layer, LayerGraph

Problem = tuple[LayerGraph, CostProfile]


def spanned(count: int, span: int, degree: int, seed: int) -> Problem:
    """Each layer reads up to `degree` of the `span` layers before it."""
    rng = _rng(seed)
    layers = [Layer("v0", (), 500_000)]
    for i in range(1, count):
        sources = sorted({max(0, i - rng.randint(1, span)) for _ in range(degree)})
        layers.append(Layer(f"v{i}", tuple(f"v{j}" for j in sources), rng.randint(10**3, 10**6)))
    return _problem(layers, rng)


def branches(count: int, width: int, seed: int) -> Problem:
    """Chains side by side between one layer and another."""
    rng = _rng(seed)
    layers, ends = [Layer("v0", (), 500_000)], []
    for _ in range(width):
        previous = "v0"
        for _ in range((count - 2) // width):
            layers.append(Layer(f"v{len(layers)}", (previous,), rng.randint(10**3, 10**5)))
            previous = layers[-1].name
        ends.append(previous)
    layers.append(Layer("join", tuple(ends), 1000))
    return _problem(layers, rng)


def rows(count: int, width: int, density: float | None, seed: int) -> Problem:
    """Rows of layers; each layer reads two of the row before, or each of them with the probability `density`."""
    rng = _rng(seed)
    layers, row = [Layer("v0", (), 500_000)], ["v0"]
    while len(layers) < count - 1:
        sources = [_some(row, density, rng) for _ in range(width)]
        following = [Layer(f"v{len(layers) + i}", read, rng.randint(10**3, 10**5)) for i, read in enumerate(sources)]
        layers += following
        row = [layer.name for layer in following]
    layers.append(Layer("join", tuple(row), 1000))
    return _problem(layers, rng)


def any_before(count: int, seed: int) -> Problem:
    """Twice as many arcs as layers, between any two layers (Erdős and Rényi), from the earlier to the later."""
    rng = _rng(seed)
    reads: list[set[int]] = [set() for _ in range(count)]
    for _ in range(2 * count):
        one, other = rng.sample(range(count), 2)
        reads[max(one, other)].add(min(one, other))
    layers = [Layer("v0", (), 500_000)]
    for i in range(1, count):
        sources = tuple(f"v{j}" for j in sorted(reads[i] or {0}))
        layers.append(Layer(f"v{i}", sources, rng.randint(10**3, 10**6)))
    return _problem(layers, rng)


def grid(count: int, seed: int) -> Problem:
    """A square; each layer reads the one above and the one to the left."""
    rng = _rng(seed)
    side = math.isqrt(count)
    layers = []
    for i in range(side * side):
        sources = ([f"v{i - side}"] if i >= side else []) + ([f"v{i - 1}"] if i % side else [])
        layers.append(Layer(f"v{i}", tuple(sources), rng.randint(10**3, 10**5)))
    return _problem(layers, rng)


def series_parallel(count: int, seed: int) -> Problem:
    """One arc, of which again and again a random one becomes two in series, or gets another path beside it."""
    rng = _rng(seed)
    arcs = [(0, 1)]
    for new in range(2, count):
        tail, head = arcs.pop(rng.randrange(len(arcs))) if rng.random() < 0.5 else rng.choice(arcs)
        arcs += [(tail, new), (new, head)]
    reads: list[set[int]] = [set() for _ in range(count)]
    for tail, head in arcs:
        reads[head].add(tail)
    order: list[int] = []
    waiting = set(range(count))
    while waiting:
        ready = sorted(v for v in waiting if not reads[v] & waiting)
        order += ready
        waiting.difference_update(ready)
    layers = [Layer("v0", (), 500_000)]
    layers += [Layer(f"v{v}", tuple(f"v{u}" for u in sorted(reads[v])), rng.randint(10**3, 10**5)) for v in order[1:]]
    return _problem(layers, rng)


def with_zeros(problem: Problem, seed: int) -> Problem:
    """The same graph where a third of all times and sizes are zero, and others a thousandth."""
    graph, costs = problem
    rng = _rng(seed)

    def factor() -> float:
        return rng.choice([0.0, 1e-3, 1.0])

    layers = tuple(Layer(layer.name, layer.inputs, int(layer.output_bytes * factor())) for layer in graph.layers)
    edge_s, cloud_s = (tuple(seconds * factor() for seconds in times) for times in (costs.edge_s, costs.cloud_s))
    return LayerGraph(layers, graph.outputs), CostProfile(edge_s, cloud_s)


def _rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # synthetic graphs


def _some(row: list[str], density: float | None, rng: random.Random) -> tuple[str, ...]:
    if density is None:
        return tuple(rng.sample(row, min(2, len(row))))
    return tuple(name for name in row if rng.random() < density) or (rng.choice(row),)


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
    "rows of 12": lambda count, seed: rows(count, 12, None, seed),
    "rows of 20, density 0.15": lambda count, seed: rows(count, 20, 0.15, seed),
    "any before": any_before,
    "grid": grid,
    "series-parallel": series_parallel,
    "span 50, zeros": lambda count, seed: with_zeros(spanned(count, 50, 2, seed), seed),
}
