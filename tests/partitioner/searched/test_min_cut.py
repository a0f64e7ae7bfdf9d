import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, graphs

from partitioner import CostProfile, Layer, LayerGraph, Link, dsl
from partitioner.searched.min_cut import CutNetwork, Weights, model_arcs
from partitioner.searched.searched_splits import SearchedSplits

ARCS = [(0, 1), (0, 2), (1, 2), (2, 3), (1, 4), (3, 4)]
EDGE_S = (0.0, 1.0, 8.0, 10.0, 14.0)
CLOUD_S = (0.0, 0.0, 3.0, 4.0, 11.0)
TRANSFER_S = (16, 19, 1, 5, 26)


def printed_construction():
    """The paper's graph as it stands in print: no arcs back, nothing that pins the input."""
    network = nx.DiGraph()
    for v in range(5):
        network.add_edge("edge", v, capacity=CLOUD_S[v])
        network.add_edge(v, "cloud", capacity=EDGE_S[v])
        successors = [head for tail, head in ARCS if tail == v]
        if len(successors) == 1:
            network.add_edge(v, successors[0], capacity=TRANSFER_S[v])
        elif successors:
            network.add_edge(v, f"{v}'", capacity=TRANSFER_S[v])
            network.add_edges_from((f"{v}'", head) for head in successors)  # no capacity: infinite
    return network


def test_the_printed_construction_finds_a_split_that_cannot_be_run():
    value, (edge_side, _) = nx.minimum_cut(printed_construction(), "edge", "cloud")
    assert value == 18  # everything in the cloud, the image too, and nothing sent
    assert 0 not in edge_side

    pinned = printed_construction()
    pinned.add_edge("edge", 0, capacity=math.inf)
    value, (edge_side, _) = nx.minimum_cut(pinned, "edge", "cloud")
    assert value == 28
    assert any(reader in edge_side and read not in edge_side for read, reader in ARCS)


def test_the_arcs_back_and_the_pinned_input_cure_it():
    network = printed_construction()
    network.add_edges_from((head, tail) for tail, head in ARCS)
    network.add_edge("edge", 0, capacity=math.inf)
    value, _ = nx.minimum_cut(network, "edge", "cloud")
    assert value == 33


def by_min_cut(graph, costs, link):
    return SearchedSplits(graph, costs).dsl(link)


@pytest.mark.parametrize("solve", [dsl, by_min_cut])
def test_counter_example(solve):
    layers = tuple(
        Layer(f"v{v}", tuple(f"v{tail}" for tail, head in ARCS if head == v), TRANSFER_S[v]) for v in range(5)
    )
    split = solve(LayerGraph(layers, ("v4",)), CostProfile(EDGE_S, CLOUD_S), Link(8.0))
    assert split.latency_s == 33
    assert split.lower_bound_s == 33


COSTS = st.one_of(st.sampled_from([0.0, 1.0, 1e-6, 100.0]), st.floats(1e-9, 1e3))


@given(graphs(max_layers=9), st.data())
@settings(max_examples=200, deadline=None)
def test_any_weights_give_the_cheapest_closed_set(graph, data):
    vectors = st.lists(COSTS, min_size=len(graph), max_size=len(graph)).map(np.array)
    weights = Weights(data.draw(vectors), data.draw(vectors), data.draw(vectors))
    position = graph.structure.position

    def cost(edge):
        here = {position[name] for name in edge}
        crossing = {
            position[name] for layer in graph.layers if layer.name not in edge for name in layer.inputs if name in edge
        }
        away = set(range(len(graph))) - here
        return math.fsum(
            [*(weights.edge[i] for i in here), *(weights.cloud[i] for i in away), *(weights.send[i] for i in crossing)]
        )

    cut = CutNetwork(model_arcs(graph.structure)).minimum(weights)
    smallest = min(map(cost, closed_sets(graph)))
    names = frozenset(layer.name for layer, inside in zip(graph.layers, cut.inside, strict=True) if inside)
    assert names in closed_sets(graph)
    assert math.isclose(cut.cost, cost(names), rel_tol=1e-12)
    assert math.isclose(cut.cost, smallest, rel_tol=1e-11)
    assert cut.lower_bound <= smallest * (1 + 1e-12)
    assert cut.is_minimum


def test_capacities_far_beyond_32_bits():
    """Fixed nanoseconds, or any one scale, would wrap or lose the small end: the sums here span 17 digits."""
    layers = [Layer("image", (), 0)]
    layers += [Layer(f"v{i}", ("image",), 0) for i in range(400)]
    graph = LayerGraph(tuple(layers), ("v0",))
    edge_s = (0.0, *(1e9 if i % 2 else 1e-8 for i in range(400)))
    cloud_s = (0.0, *(2e-8 if i % 2 else 1e9 for i in range(400)))
    split = by_min_cut(graph, CostProfile(edge_s, cloud_s), Link(1e6))
    assert split.latency_s == pytest.approx(200 * 1e-8 + 200 * 2e-8, rel=1e-12)
    assert split.lower_bound_s == split.latency_s
