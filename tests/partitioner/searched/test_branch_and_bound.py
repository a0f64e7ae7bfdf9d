import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import brute_force, closed_sets, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, evaluate
from partitioner.searched.branch_and_bound import BranchAndBound
from partitioner.searched.dual_bounds import LowestLatency, SmallestBottleneck
from partitioner.searched.problem import Problem


def names(graph, inside):
    return frozenset(layer.name for layer, here in zip(graph.layers, inside, strict=True) if here)


def edge_and_cloud_only(graph):
    inputs = np.array([not layer.inputs for layer in graph.layers])
    return [np.ones(len(graph), dtype=bool), inputs]


@given(problems(max_layers=10))
@settings(max_examples=100, deadline=None)
def test_a_tree_without_limits_finds_the_smallest_bottleneck(problem):
    splits = brute_force(problem)
    known = edge_and_cloud_only(problem[0])
    found = BranchAndBound(Problem.of(*problem), SmallestBottleneck(), math.inf, known, gap=1.0).run(10**6)
    smallest_s = min(split.bottleneck_s for split in splits)
    assert names(problem[0], found.inside) in closed_sets(problem[0])
    assert math.isclose(evaluate(*problem, names(problem[0], found.inside)).bottleneck_s, smallest_s, rel_tol=1e-9)
    assert found.lower_bound_s <= smallest_s * (1 + 1e-9)
    assert found.lower_bound_s >= smallest_s * (1 - 1e-6)


@given(problems(max_layers=10), st.floats(0.1, 0.9))
@settings(max_examples=100, deadline=None)
def test_a_tree_without_limits_finds_the_lowest_latency_that_keeps_up(problem, share):
    graph, costs, link = problem
    link = Link(link.uplink_bps, link.downlink_bps)
    splits = brute_force((graph, costs, link))
    period_s = sorted(split.bottleneck_s for split in splits)[int(share * len(splits))] * 1.001
    if period_s == 0.0:
        return
    smallest_s = min(split.latency_s for split in splits if split.bottleneck_s < period_s)
    whole, known = Problem.of(graph, costs, link), edge_and_cloud_only(graph)
    found = BranchAndBound(whole, LowestLatency(period_s, 0.0), math.inf, known, gap=1.0).run(10**6)
    split = evaluate(graph, costs, link, names(graph, found.inside))
    assert split.bottleneck_s < period_s
    assert math.isclose(split.latency_s, smallest_s, rel_tol=1e-9)
    assert found.lower_bound_s <= smallest_s * (1 + 1e-9)


@pytest.mark.parametrize("most_cuts", [1, 3, 10])
@given(problem=problems(max_layers=10))
@settings(max_examples=40, deadline=None)
def test_a_tree_cut_short_still_proves_what_it_says(most_cuts, problem):
    smallest_s = min(split.bottleneck_s for split in brute_force(problem))
    known = edge_and_cloud_only(problem[0])

    def searched(most_cuts):
        return BranchAndBound(Problem.of(*problem), SmallestBottleneck(), math.inf, known, gap=1.0).run(most_cuts)

    found = searched(most_cuts)
    assert found.lower_bound_s <= smallest_s * (1 + 1e-9)
    further = searched(10**6)
    assert found.lower_bound_s * (1 - 1e-9) <= further.lower_bound_s <= smallest_s * (1 + 1e-9)
    assert further.lower_bound_s >= smallest_s * (1 - 1e-6)


def test_a_split_that_is_known_to_be_best_is_not_found_again():
    graph = LayerGraph((Layer("image", (), 8), Layer("a", ("image",), 0)), ("a",))
    whole = Problem.of(graph, CostProfile((0.0, 1.0), (0.0, 1.0)), Link(1.0))
    found = BranchAndBound(whole, SmallestBottleneck(), 1.0, [], gap=1.0).run(100)
    assert found.inside is None
    assert found.lower_bound_s == pytest.approx(1.0)


def test_what_weighted_cuts_cannot_tell_apart():
    """Sending anything takes 10 s, so all stays on the edge for 10 s; weighted cuts mix both and prove only 5."""
    layers = [Layer("v0", (), 10)] + [Layer(f"v{i}", (f"v{i - 1}",), 10) for i in range(1, 11)]
    graph, link = LayerGraph(tuple(layers), ("v10",)), Link(8.0)
    costs = CostProfile((0.0,) + (1.0,) * 10, (0.0,) * 11)
    whole = Problem.of(graph, costs, link)
    tree = BranchAndBound(whole, SmallestBottleneck(), 10.0, edge_and_cloud_only(graph), gap=1.0)
    assert tree.run(1).lower_bound_s == pytest.approx(5.0)
    assert tree.run(100).lower_bound_s == pytest.approx(10.0)


def test_a_tree_ends_when_what_it_found_is_enough():
    layers = (Layer("image", (), 0), *(Layer(f"v{i}", ("image",), 0) for i in range(6)))
    graph = LayerGraph(layers, tuple(layer.name for layer in layers[1:]))
    whole = Problem.of(graph, CostProfile((0.0,) + (1.0,) * 6, (0.0,) + (0.9,) * 6), Link(8.0))

    def best_s(enough_s):
        # Edge-only alone is known, so that there is no way between two splits to find the best on at once.
        known = edge_and_cloud_only(graph)[:1]
        tree = BranchAndBound(whole, SmallestBottleneck(), 6.0, known, gap=1.0, enough_s=enough_s)
        return whole.stages(tree.run(10**6).inside).max()

    assert best_s(0.0) == 3.0
    assert best_s(5.5) < 5.5
