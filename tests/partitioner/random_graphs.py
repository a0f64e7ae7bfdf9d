"""Hypothesis strategies for graphs, profiles and links, and the brute force that judges every solver.

The oracle is written from the definitions, by names, and shares no code with the partitioner.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from hypothesis import strategies as st

from partitioner import CostProfile, Layer, LayerGraph, Link, Partition

# From nothing over 1 µs to 100 s, with repeats so that ties happen.
SECONDS = st.one_of(st.sampled_from([0.0, 1e-6, 0.5, 1.0, 100.0]), st.floats(1e-6, 100.0))
BYTES = st.one_of(st.sampled_from([0, 1, 1000, 150_000]), st.integers(0, 10**7))
# 1 kbit/s to 100 Gbit/s, and no limit at all.
RATES = st.one_of(st.sampled_from([1e3, 1e6, 2e7, 1e11, math.inf]), st.floats(1e3, 1e11))

Problem = tuple[LayerGraph, CostProfile, Link]


@st.composite
def graphs(draw: st.DrawFn, max_layers: int = 12) -> LayerGraph:
    count = draw(st.integers(1, max_layers))
    layers = []
    for i in range(count):
        sources = draw(st.lists(st.integers(0, i - 1), max_size=3, unique=True)) if i else []
        layers.append(Layer(f"v{i}", tuple(f"v{j}" for j in sources), draw(BYTES)))
    outputs = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3, unique=True))
    return LayerGraph(tuple(layers), tuple(f"v{i}" for i in outputs))


@st.composite
def problems(draw: st.DrawFn, max_layers: int = 12) -> Problem:
    graph = draw(graphs(max_layers))
    times = st.lists(SECONDS, min_size=len(graph), max_size=len(graph))
    costs = CostProfile(tuple(draw(times)), tuple(draw(times)))
    link = Link(draw(RATES), draw(RATES), draw(st.sampled_from([0.0, 1e-3, 0.1, 10.0])))
    return graph, costs, link


@st.composite
def exact_problems(draw: st.DrawFn, max_layers: int = 9) -> Problem:
    """Small whole numbers, so that sums are exact, ties are equalities, and there are many."""
    graph = draw(graphs(max_layers))
    layers = tuple(Layer(layer.name, layer.inputs, draw(st.integers(0, 2))) for layer in graph.layers)
    times = st.lists(st.integers(0, 2).map(float), min_size=len(graph), max_size=len(graph))
    costs = CostProfile(tuple(draw(times)), tuple(draw(times)))
    link = Link(
        draw(st.sampled_from([4.0, 8.0, math.inf])),
        draw(st.sampled_from([8.0, math.inf])),
        draw(st.sampled_from([0.0, 1.0])),
    )
    return LayerGraph(layers, graph.outputs), costs, link


@dataclass(frozen=True)
class Priced:
    """One split as the definitions price it."""

    edge: frozenset[str]
    cut: tuple[str, ...]
    edge_s: float
    transfer_s: float
    cloud_s: float
    fixed_s: float
    sent_bytes: int

    @property
    def latency_s(self) -> float:
        return self.edge_s + self.transfer_s + self.cloud_s + self.fixed_s

    @property
    def bottleneck_s(self) -> float:
        return max(self.edge_s, self.transfer_s, self.cloud_s)


def closed_sets(graph: LayerGraph) -> list[frozenset[str]]:
    """Every closed set that holds all inputs, by the definition: of all sets of layers, those that pass."""
    inputs = frozenset(layer.name for layer in graph.layers if not layer.inputs)
    others = [layer for layer in graph.layers if layer.inputs]
    found = []
    for choice in product((False, True), repeat=len(others)):
        taken = [layer for layer, take in zip(others, choice, strict=True) if take]
        edge = inputs.union(layer.name for layer in taken)
        if all(edge.issuperset(layer.inputs) for layer in taken):
            found.append(edge)
    return found


def priced(graph: LayerGraph, costs: CostProfile, link: Link, edge: frozenset[str]) -> Priced:
    crossing = {name for layer in graph.layers if layer.name not in edge for name in layer.inputs if name in edge}
    size = {layer.name: layer.output_bytes for layer in graph.layers}
    up = sum(size[name] for name in crossing)
    down = sum(size[name] for name in graph.outputs if name not in edge)
    sides = [layer.name in edge for layer in graph.layers]
    return Priced(
        edge=edge,
        cut=tuple(layer.name for layer in graph.layers if layer.name in crossing),
        edge_s=math.fsum(t for t, here in zip(costs.edge_s, sides, strict=True) if here),
        transfer_s=8 * up / link.uplink_bps + 8 * down / link.downlink_bps,
        cloud_s=math.fsum(t for t, here in zip(costs.cloud_s, sides, strict=True) if not here),
        fixed_s=0.0 if all(sides) else link.fixed_s,
        sent_bytes=up + down,
    )


def brute_force(problem: Problem) -> list[Priced]:
    return [priced(*problem, edge) for edge in closed_sets(problem[0])]


def best(splits: list[Priced], *criteria: Callable[[Priced], float]) -> list[Priced]:
    """Filters by one criterion after the other; for problems whose numbers are exact."""
    for criterion in criteria:
        smallest = min(map(criterion, splits))
        splits = [split for split in splits if criterion(split) == smallest]
    return splits


def assert_priced_right(problem: Problem, partition: Partition) -> None:
    """The reported split is feasible and costs what its sets say."""
    assert partition.edge in closed_sets(problem[0])
    expected = priced(*problem, partition.edge)
    assert partition.cut == expected.cut
    for name in ("edge_s", "transfer_s", "cloud_s", "fixed_s", "latency_s", "bottleneck_s"):
        assert math.isclose(getattr(partition, name), getattr(expected, name), rel_tol=1e-12), name
