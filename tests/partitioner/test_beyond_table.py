import math

import pytest
from hypothesis import given, settings
from random_graphs import assert_priced_right, brute_force, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, dsl
from partitioner.beyond_table import heavy_beyond_table
from partitioner.weighted_cuts import search


@given(problems(max_layers=9))
@settings(max_examples=60, deadline=None)
def test_smallest_bottleneck_against_brute_force(problem):
    candidates = search(*problem)
    split = heavy_beyond_table(*problem, None, candidates)
    assert_priced_right(problem, split)
    smallest_s = min(priced.bottleneck_s for priced in brute_force(problem))
    assert split.lower_bound_s <= smallest_s * (1 + 1e-9)
    assert smallest_s * (1 - 1e-12) <= split.bottleneck_s <= candidates.heavy(None).bottleneck_s
    assert split.lower_bound_s >= candidates.heavy(None).lower_bound_s * (1 - 1e-12)


@pytest.mark.parametrize("share", [0.3, 0.6])
@given(problem=problems(max_layers=9))
@settings(max_examples=60, deadline=None)
def test_lowest_latency_at_a_rate_against_brute_force(problem, share):
    splits = brute_force(problem)
    period_s = sorted(priced.bottleneck_s for priced in splits)[int(share * len(splits))] * 1.001
    rate_hz = 1 / period_s if period_s > 0 else math.inf
    split = heavy_beyond_table(*problem, rate_hz, search(*problem))
    assert_priced_right(problem, split)
    if split.bottleneck_s < 1 / rate_hz:
        smallest_s = min(priced.latency_s for priced in splits if priced.bottleneck_s < 1 / rate_hz)
        assert split.lower_bound_s <= smallest_s * (1 + 1e-9)
        assert split.latency_s >= smallest_s * (1 - 1e-12)
        assert split.lower_bound_s >= dsl(*problem).latency_s * (1 - 1e-9)
    else:
        assert split.lower_bound_s <= min(priced.bottleneck_s for priced in splits) * (1 + 1e-9)


def test_a_better_split_does_not_lose_what_was_proven_before():
    """The cuts prove 1 s by DSL and keep up with 1.005 s; the tree finds 1 s, and proves less."""
    layers = (Layer("x", (), 626), Layer("y", (), 0), Layer("a", ("x",), 0), Layer("b", ("a",), 0))
    graph, link = LayerGraph(layers, ("x",)), Link(1e6, 1e3)
    costs = CostProfile((0.0, 0.5, 0.0, 0.5), (0.0, 0.0, 0.0, 0.5))
    split = heavy_beyond_table(graph, costs, link, 1 / 0.5005, search(graph, costs, link))
    assert split.latency_s == split.lower_bound_s == 1.0
