import random

import pytest

from bench.decide.min_cut_engines import dinic_engine, networkx_engine, scipy_engine
from partitioner import CostProfile, Layer, LayerGraph, Link, dsl


def random_problem(seed):
    rng = random.Random(seed)
    count = rng.randint(2, 10)
    layers = []
    for i in range(count):
        read = rng.sample(range(i), rng.randint(0 if rng.random() < 0.2 else 1, min(i, 3))) if i else []
        layers.append(Layer(f"v{i}", tuple(f"v{j}" for j in sorted(read)), rng.randint(0, 100_000)))
    edge_s = tuple(rng.choice([0.0, rng.uniform(0, 0.1)]) for _ in layers)
    cloud_s = tuple(rng.choice([0.0, seconds / 10, rng.uniform(0, 0.1)]) for seconds in edge_s)
    outputs = tuple({layers[-1].name, rng.choice(layers).name})
    return LayerGraph(tuple(layers), outputs), CostProfile(edge_s, cloud_s)


@pytest.mark.parametrize("engine", [networkx_engine, dinic_engine, scipy_engine])
def test_every_engine_finds_the_lowest_latency(engine):
    for seed in range(60):
        graph, costs = random_problem(seed)
        for link in (Link(1e5, fixed_s=0.01), Link(1e7, 1e6), Link(1e9, fixed_s=0.001)):
            found_s = engine(graph, costs)(link)
            assert found_s == pytest.approx(dsl(graph, costs, link).latency_s, rel=1e-9, abs=1e-12)
