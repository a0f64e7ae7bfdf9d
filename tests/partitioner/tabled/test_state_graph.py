"""States and orders: every split is one way through the states, and what is paid on the way is what it costs."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, graphs

from partitioner import CostProfile, Encoding, Layer, LayerGraph
from partitioner.tabled.layer_numbers import Crossings, distinct, layer_numbers, price_splits
from partitioner.tabled.layer_orders import _orders, fewest_states
from partitioner.tabled.state_graph import state_graph


def ways(graph):
    """Every way through the states: the layers on the edge, and the sets that were doomed and sent."""
    found = [(0, frozenset(), (), ())]
    for step in graph.steps:
        then = []
        for state, edge, doomed, sent in found:
            if step.edge[state] >= 0:
                own = (step.layer,) if step.sends[state] else ()
                then.append((int(step.edge[state]), edge | {step.layer}, doomed, sent + own))
            if step.cloud[state] >= 0:
                dooms, pays = (
                    tuple(np.flatnonzero(graph.layer_sets[each[state]]).tolist()) for each in (step.dooms, step.pays)
                )
                then.append((int(step.cloud[state]), edge, doomed + dooms, sent + pays))
        found = then
    return found


@given(graphs(max_layers=8), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_each_closed_set_is_one_way_and_pays_each_layer_and_tensor_once(graph, which):
    structure = graph.structure
    states = state_graph(structure, list(_orders(structure))[which], 10**6)
    found = ways(states)
    names = [frozenset(graph.layers[i].name for i in edge) for _, edge, _, _ in found]
    assert Counter(names) == Counter(closed_sets(graph))
    for state, edge, doomed, sent in found:
        assert sorted(doomed) == sorted(set(range(len(graph))) - edge)
        crossing = [i for i in edge if any(reader not in edge for reader in structure.successors[i])]
        assert sorted(sent) == sorted(crossing)
        assert (state == 0) == (len(edge) == len(graph)), "edge-only is kept apart"


@given(graphs(max_layers=12))
@settings(max_examples=60, deadline=None)
def test_every_order_is_topological(graph):
    for order in _orders(graph.structure):
        assert sorted(order) == list(range(len(graph)))
        place = {layer: i for i, layer in enumerate(order)}
        for layer, reads in enumerate(graph.structure.predecessors):
            assert all(place[read] < place[layer] for read in reads)


def two_chains(length):
    """Two chains side by side, their layers given in turns."""
    layers = [Layer("image", (), 1)]
    for i in range(length):
        layers += [Layer(f"{side}{i}", (f"{side}{i - 1}" if i else "image",), 1) for side in "ab"]
    return LayerGraph((*layers, Layer("join", (f"a{length - 1}", f"b{length - 1}"), 1)), ("join",))


def test_the_order_with_the_fewest_states_is_taken_and_too_many_are_not_listed():
    graph = two_chains(20)
    counts = [state_graph(graph.structure, order, 10**6).states for order in _orders(graph.structure)]
    best = min(counts)
    assert best < max(counts)
    assert fewest_states(graph.structure, 10**6).states == best
    assert fewest_states(graph.structure, best).states == best
    assert fewest_states(graph.structure, best - 1) is None


@given(graphs(max_layers=7), st.data())
@settings(max_examples=60, deadline=None)
def test_the_numbers_of_a_split(graph, data):
    count = len(graph)
    numbers = st.lists(st.floats(0.0, 10.0), min_size=count, max_size=count).map(tuple)
    costs = CostProfile(data.draw(numbers), data.draw(numbers))
    sizes = data.draw(st.lists(st.one_of(st.just(math.inf), st.floats(0.0, 100.0)), min_size=count, max_size=count))
    encoding = Encoding("e", tuple(sizes), data.draw(numbers), data.draw(numbers))
    splits = closed_sets(graph)
    inside = np.array([[layer.name in edge for layer in graph.layers] for edge in splits])
    found = price_splits(inside, Crossings(graph.structure), [layer_numbers(graph, costs, encoding)])[0]
    for edge, row in zip(splits, found.tolist(), strict=True):
        at = {layer.name: i for i, layer in enumerate(graph.layers)}
        sent = {at[name] for layer in graph.layers if layer.name not in edge for name in layer.inputs if name in edge}
        here = [at[name] for name in edge]
        away = sorted(set(range(count)) - set(here))
        encode_s, decode_s = (sum(times[i] for i in sent) for times in (encoding.encode_s, encoding.decode_s))
        assert row == pytest.approx(
            [
                sum(costs.edge_s[i] for i in here) + encode_s,
                8 * sum(sizes[i] for i in sent),
                8 * sum(graph.layers[at[name]].output_bytes for name in graph.outputs if name not in edge),
                sum(costs.cloud_s[i] for i in away) + decode_s,
                encode_s,
                decode_s,
            ]
        )


def test_distinct_splits_are_in_the_order_of_the_list_of_all():
    inside = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0], [1, 0, 1]], dtype=bool)
    found, which = distinct(inside)
    assert found.tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]]
    assert (found[which] == inside).all()
