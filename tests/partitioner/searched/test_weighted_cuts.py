import math
import random

import pytest
from hypothesis import given, settings
from random_graphs import assert_priced_right, brute_force, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, TooManySplitsError, decide, dsh, dsl, evaluate
from partitioner.listed.listing import list_closed_sets
from partitioner.searched.problem import Problem
from partitioner.searched.searched_splits import SearchedSplits
from partitioner.searched.weighted_cuts import search


@given(problems(max_layers=10))
@settings(max_examples=100, deadline=None)
def test_bound_and_factor_against_brute_force(problem):
    split = search(Problem.of(*problem), dsl(*problem)).heavy(None)
    assert_priced_right(problem, split)
    smallest_s = min(priced.bottleneck_s for priced in brute_force(problem))
    assert split.lower_bound_s <= smallest_s * (1 + 1e-9)
    assert smallest_s * (1 - 1e-12) <= split.bottleneck_s <= 3 * smallest_s * (1 + 1e-9)
    assert split.bottleneck_s <= SearchedSplits(*problem[:2]).dsl(problem[2]).bottleneck_s


@given(problems(max_layers=10))
@settings(max_examples=50, deadline=None)
def test_a_rate_bounds_the_latency(problem):
    splits = brute_force(problem)
    period_s = sorted(priced.bottleneck_s for priced in splits)[len(splits) // 2]
    rate_hz = 1 / period_s if period_s > 0 else math.inf
    split = search(Problem.of(*problem), dsl(*problem)).heavy(rate_hz)
    if split.bottleneck_s < 1 / rate_hz:
        smallest_s = min(priced.latency_s for priced in splits if priced.bottleneck_s < 1 / rate_hz)
        assert split.lower_bound_s <= smallest_s * (1 + 1e-9) <= split.latency_s * (1 + 2e-9)


def wide(count, seed):
    rng = random.Random(seed)
    layers = [Layer("image", (), 500_000)]
    for i in range(1, count):
        sources = {max(0, i - rng.randint(1, 50)) for _ in range(2)}
        layers.append(Layer(f"v{i}", tuple("image" if j == 0 else f"v{j}" for j in sources), rng.randint(10**3, 10**6)))
    graph = LayerGraph(tuple(layers), (f"v{count - 1}",))
    edge_s = tuple(rng.uniform(0, 0.01) for _ in layers)
    return graph, CostProfile(edge_s, tuple(s / 10 for s in edge_s))


@pytest.mark.parametrize("count", [200, 2000])
@pytest.mark.parametrize("uplink_bps", [1e7, 1e9])
def test_wide_graphs_beyond_the_table(count, uplink_bps):
    graph, costs = wide(count, seed=count)
    link = Link(uplink_bps, fixed_s=0.01)
    with pytest.raises(TooManySplitsError):
        list_closed_sets(graph, 100_000)
    lowest = dsl(graph, costs, link)
    assert lowest.lower_bound_s == lowest.latency_s
    heavy = dsh(graph, costs, link)
    everywhere = [evaluate(graph, costs, link, {layer.name for layer in graph.layers})]
    everywhere.append(evaluate(graph, costs, link, {"image"}))
    assert heavy.bottleneck_s <= min(split.bottleneck_s for split in [*everywhere, lowest])
    assert heavy.lower_bound_s <= heavy.bottleneck_s <= 1.05 * heavy.lower_bound_s
    rate_hz = 1 / (1.2 * heavy.bottleneck_s)
    kept_up = dsh(graph, costs, link, rate_hz)
    assert kept_up.bottleneck_s < 1 / rate_hz
    assert lowest.latency_s <= kept_up.lower_bound_s * (1 + 1e-9) <= kept_up.latency_s * (1 + 1e-9)
    assert kept_up.latency_s <= 1.05 * kept_up.lower_bound_s
    repriced = evaluate(graph, costs, link, heavy.edge)
    assert (repriced.cut, repriced.bottleneck_s) == (heavy.cut, heavy.bottleneck_s)


def test_decisions_beyond_the_table():
    graph, costs = wide(200, seed=1)
    link = Link(1e8, fixed_s=0.01)
    light = decide(graph, costs, link, 1e-3)
    assert (light.mode, light.keeps_up) == ("light", True)
    assert light.partition == dsl(graph, costs, link)
    smallest_s = dsh(graph, costs, link).bottleneck_s
    assert light.max_rate_hz <= 1 / smallest_s
    hopeless = decide(graph, costs, link, 1e6)
    assert (hopeless.mode, hopeless.keeps_up) == ("heavy", False)
    assert hopeless.partition.bottleneck_s == smallest_s
