import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, priced, problems

from partitioner import CostProfile, Layer, LayerGraph, Link
from partitioner.searched.dual_bounds import SmallestBottleneck
from partitioner.searched.problem import Problem
from partitioner.searched.walks import _on_the_way, best_on_the_way


def to_array(graph, edge):
    return np.array([layer.name in edge for layer in graph.layers])


@given(problems(max_layers=9), st.data())
@settings(max_examples=150, deadline=None)
def test_every_step_is_a_split_and_priced_right(problem, data):
    graph, whole = problem[0], Problem.of(*problem)
    splits = closed_sets(graph)
    low = data.draw(st.sampled_from(splits))
    high = data.draw(st.sampled_from([edge for edge in splits if edge >= low]))
    added = np.flatnonzero(to_array(graph, high) & ~to_array(graph, low))
    for step, found in enumerate(_on_the_way(whole, to_array(graph, low), added).tolist()):
        edge = low.union(graph.layers[i].name for i in added[:step])
        assert edge in splits
        expected = priced(*problem, edge)
        scale = sum(whole.edge) + sum(whole.up) + sum(whole.down) + sum(whole.cloud)
        for ours, theirs in zip(found, (expected.edge_s, expected.transfer_s, expected.cloud_s), strict=True):
            assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * scale)


@given(problems(max_layers=9), st.data())
@settings(max_examples=100, deadline=None)
def test_never_worse_than_either_end(problem, data):
    graph, whole = problem[0], Problem.of(*problem)
    ends = [data.draw(st.sampled_from(closed_sets(graph))) for _ in range(2)]
    value_s, split = best_on_the_way(whole, SmallestBottleneck(), *(to_array(graph, edge) for edge in ends))
    edge = frozenset(layer.name for layer, here in zip(graph.layers, split, strict=True) if here)
    expected_s = priced(*problem, edge).bottleneck_s
    slack_s = 1e-12 * float(whole.up.sum() + whole.down.sum() + whole.edge.sum() + whole.cloud.sum())
    assert math.isclose(value_s, expected_s, rel_tol=1e-9, abs_tol=slack_s)
    assert value_s <= min(priced(*problem, end).bottleneck_s for end in ends) * (1 + 1e-9) + slack_s


def test_between_two_ends_lies_what_no_weights_find():
    """Edge-only and cloud-only take 10 s each and half of the layers on either side 5 s."""
    layers = (Layer("image", (), 0), *(Layer(f"v{i}", ("image",), 0) for i in range(10)))
    graph = LayerGraph(layers, tuple(layer.name for layer in layers[1:]))
    whole = Problem.of(graph, CostProfile((0.0,) + (1.0,) * 10, (0.0,) + (1.0,) * 10), Link(8.0))
    value_s, _ = best_on_the_way(
        whole, SmallestBottleneck(), to_array(graph, {"image"}), np.ones(len(graph), dtype=bool)
    )
    assert value_s == 5.0
