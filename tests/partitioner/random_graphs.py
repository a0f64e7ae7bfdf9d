"""Hypothesis strategies for graphs, profiles and links, and the brute force that judges every solver.

The oracle is written from the definitions, by names, and shares no code with the partitioner.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from hypothesis import strategies as st

from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, Partition

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


@st.composite
def encodings_of(draw: st.DrawFn, graph: LayerGraph, *, exact: bool = False, most: int = 3) -> tuple[Encoding, ...]:
    """Up to some encodings, raw often among them; some may not send some layers, or nothing but the inputs."""
    count = len(graph)
    number = st.integers(0, 2).map(float) if exact else SECONDS
    size = st.integers(0, 2).map(float) if exact else st.one_of(BYTES, st.floats(0.01, 1e7))
    found = [Encoding.raw(graph)] if draw(st.booleans()) else []
    for k in range(draw(st.integers(1, most))):
        forbids = draw(st.sampled_from(["nothing", "some", "all but inputs"]))
        some = st.one_of(size, st.just(math.inf)) if forbids == "some" else size
        sizes = draw(st.lists(some, min_size=count, max_size=count))
        if forbids == "all but inputs":
            sizes = [math.inf if layer.inputs else each for layer, each in zip(graph.layers, sizes, strict=True)]
        times = st.one_of(st.just([0.0] * count), st.lists(number, min_size=count, max_size=count)).map(tuple)
        found.append(Encoding(f"e{k}", tuple(sizes), draw(times), draw(times)))
    return tuple(draw(st.permutations(found)))


@dataclass(frozen=True)
class Priced:
    """One split as the definitions price it."""

    edge: frozenset[str]
    cut: tuple[str, ...]
    edge_s: float
    transfer_s: float
    cloud_s: float
    fixed_s: float
    sent_bytes: float
    encoding: str = "raw"
    encode_s: float = 0.0
    decode_s: float = 0.0

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


def priced_encoded(
    graph: LayerGraph, costs: CostProfile, link: Link, edge: frozenset[str], encoding: Encoding
) -> Priced | None:
    """The same with what crosses in an encoding; None where it may not be."""
    plain = priced(graph, costs, link, edge)
    if len(edge) == len(graph):
        return plain
    rows = {layer.name: i for i, layer in enumerate(graph.layers)}
    crossing = [rows[name] for name in plain.cut]
    up = sum(encoding.output_bytes[i] for i in crossing)
    if math.isinf(up):
        return None
    down = sum(layer.output_bytes for layer in graph.layers if layer.name in graph.outputs and layer.name not in edge)
    encode_s, decode_s = (sum(times[i] for i in crossing) for times in (encoding.encode_s, encoding.decode_s))
    return Priced(
        edge=edge,
        cut=plain.cut,
        edge_s=plain.edge_s + encode_s,
        transfer_s=8 * up / link.uplink_bps + 8 * down / link.downlink_bps,
        cloud_s=plain.cloud_s + decode_s,
        fixed_s=plain.fixed_s,
        sent_bytes=up + down,
        encoding=encoding.name,
        encode_s=encode_s,
        decode_s=decode_s,
    )


def brute_force_encoded(problem: Problem, encodings: tuple[Encoding, ...]) -> list[Priced]:
    """Every split in every encoding that it may be sent in."""
    found = [priced_encoded(*problem, edge, each) for edge in closed_sets(problem[0]) for each in encodings]
    return [split for split in found if split is not None]


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
