import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import assert_priced_right, best, brute_force, exact_problems, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, dsh, dsl


@given(problems())
@settings(max_examples=250, deadline=None)
def test_smallest_bottleneck_of_all_splits(problem):
    split = dsh(*problem)
    assert_priced_right(problem, split)
    smallest_s = min(priced.bottleneck_s for priced in brute_force(problem))
    assert math.isclose(split.bottleneck_s, smallest_s, rel_tol=1e-12)
    assert split.lower_bound_s == split.bottleneck_s
    assert split.bottleneck_s <= dsl(*problem).bottleneck_s * (1 + 1e-14)


# Around the bottlenecks that exist, also exactly on them.
FACTORS = st.sampled_from([0.5, 0.999, 1.0, 1.001, 2.0, 1e3])


@given(problems(), FACTORS, st.integers(0, 10**6))
@settings(max_examples=250, deadline=None)
def test_with_a_rate_the_lowest_latency_that_keeps_up(problem, factor, choice):
    splits = brute_force(problem)
    period_s = splits[choice % len(splits)].bottleneck_s * factor
    rate_hz = 1.0 / period_s if period_s > 0 else math.inf
    split = dsh(*problem, rate_hz)
    assert_priced_right(problem, split)
    latencies_s = [priced.latency_s for priced in splits if priced.bottleneck_s < 1.0 / rate_hz]
    if latencies_s:
        assert split.bottleneck_s < 1.0 / rate_hz
        assert math.isclose(split.latency_s, min(latencies_s), rel_tol=1e-12)
        assert split.lower_bound_s == split.latency_s
    else:
        assert split == dsh(*problem)


@given(exact_problems(), st.sampled_from([None, 0.125, 0.25, 0.5, 1.0]))
@settings(max_examples=200, deadline=None)
def test_ties(problem, rate_hz):
    splits = brute_force(problem)
    keeping_up = [priced for priced in splits if rate_hz and priced.bottleneck_s < 1 / rate_hz]
    if keeping_up:
        winners = best(keeping_up, lambda p: p.latency_s, lambda p: p.bottleneck_s, lambda p: p.sent_bytes)
    else:
        winners = best(splits, lambda p: p.bottleneck_s, lambda p: p.latency_s, lambda p: p.sent_bytes)
    assert dsh(*problem, rate_hz).edge in [winner.edge for winner in winners]


@pytest.mark.parametrize("times", [(3, 1, 1, 2, 2, 1), (5, 5, 4, 3, 3), (8, 7, 6, 5, 4), (1,) * 11])
def test_partition_problem(times):
    """Zero bytes, parallel layers with equal times on both sides: the bottleneck is as near half the sum as can be."""
    layers = (Layer("image", (), 0), *(Layer(f"v{i}", ("image",), 0) for i in range(len(times))))
    graph = LayerGraph(layers, tuple(layer.name for layer in layers[1:]))
    costs = CostProfile((0.0, *map(float, times)), (0.0, *map(float, times)))
    subset_sums = {0}
    for t in times:
        subset_sums |= {s + t for s in subset_sums}
    assert dsh(graph, costs, Link(1e6)).bottleneck_s == min(max(s, sum(times) - s) for s in subset_sums)


def test_all_zero():
    graph = LayerGraph((Layer("image", (), 0), Layer("a", ("image",), 0)), ("a",))
    split = dsh(graph, CostProfile((0.0, 0.0), (0.0, 0.0)), Link(1e3))
    assert split.bottleneck_s == split.lower_bound_s == 0.0


def test_chain_of_ten_thousand():
    count = 10_000
    layers = tuple(Layer(f"v{i}", (f"v{i - 1}",) if i else (), 1) for i in range(count))
    costs = CostProfile((1e-3,) * count, (1e-3,) * count)
    split = dsh(LayerGraph(layers, (f"v{count - 1}",)), costs, Link(1e6))
    assert len(split.edge) == count / 2
    assert split.bottleneck_s == split.lower_bound_s == pytest.approx(5.0)
