"""Two thousand random graphs of up to twelve layers, the same on every machine, against brute force."""

import math
import random

import pytest
from random_graphs import brute_force

from partitioner import CostProfile, Layer, LayerGraph, Link, decide, dsh, dsl
from partitioner.searched.searched_splits import SearchedSplits

SECONDS = [0.0, 1e-6, 1e-3, 0.5, 0.5, 1.0, 100.0]
BYTES = [0, 0, 1, 1000, 150_000, 150_000, 10**7]
RATES = [1e3, 1e6, 2e7, 1e11, math.inf]


def random_problem(rng):
    count = rng.randint(1, 12)
    # From chains with shortcuts to layers side by side, with one input or several.
    reach, degree, inputs = rng.randint(1, 12), rng.randint(1, 4), rng.randint(1, 3)
    layers = []
    for i in range(count):
        sources = {max(0, i - rng.randint(1, reach)) for _ in range(degree)} if i >= inputs else set()
        layers.append(
            Layer(f"v{i}", tuple(f"v{j}" for j in sorted(sources)), rng.choice([rng.randint(0, 10**6), *BYTES]))
        )
    outputs = rng.sample([layer.name for layer in layers], rng.randint(1, min(3, count)))
    edge_s, cloud_s = (tuple(rng.choice([rng.uniform(0, 1), *SECONDS]) for _ in layers) for _ in range(2))
    link = Link(rng.choice(RATES), rng.choice(RATES), rng.choice([0.0, 0.0, 1e-3, 10.0]))
    return LayerGraph(tuple(layers), tuple(outputs)), CostProfile(edge_s, cloud_s), link


def by_min_cut(graph, costs, link):
    return SearchedSplits(graph, costs).dsl(link)


def rate_near_a_bottleneck(rng, splits):
    period_s = rng.choice(splits).bottleneck_s * rng.choice([0.5, 0.999, 1.0, 1.001, 2.0])
    return 1.0 / period_s if period_s > 0 else 1e6


@pytest.mark.parametrize("batch", range(8))
def test_every_question_against_brute_force(batch):
    rng = random.Random(batch)
    for _ in range(250):
        problem = random_problem(rng)
        splits = brute_force(problem)
        lowest_s = min(split.latency_s for split in splits)
        smallest_s = min(split.bottleneck_s for split in splits)
        for solve in (dsl, by_min_cut):
            assert math.isclose(solve(*problem).latency_s, lowest_s, rel_tol=1e-12), problem
        assert math.isclose(dsh(*problem).bottleneck_s, smallest_s, rel_tol=1e-12), problem
        rate_hz = rate_near_a_bottleneck(rng, splits)
        keeping_up = [split.latency_s for split in splits if split.bottleneck_s < 1.0 / rate_hz]
        heavy = dsh(*problem, rate_hz)
        if keeping_up:
            assert heavy.bottleneck_s < 1.0 / rate_hz, problem
            assert math.isclose(heavy.latency_s, min(keeping_up), rel_tol=1e-12), problem
        else:
            assert math.isclose(heavy.bottleneck_s, smallest_s, rel_tol=1e-12), problem
        assert decide(*problem, rate_hz).keeps_up == bool(keeping_up), problem
