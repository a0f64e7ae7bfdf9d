"""A frontier with a coarse factor, so that much is merged, and merging by itself: what is left stands for all."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, graphs

from partitioner import CostProfile, Encoding, Layer, LayerGraph
from partitioner.tabled.frontier import frontier
from partitioner.tabled.layer_numbers import Crossings, layer_numbers, price_splits
from partitioner.tabled.layer_orders import fewest_states
from partitioner.tabled.merging import merge

NO_LIMITS = (np.inf, np.inf, 10**9)


@pytest.mark.parametrize("eps", [0.02, 0.5])
@given(graph=graphs(max_layers=9), data=st.data())
@settings(max_examples=60, deadline=None)
def test_each_split_has_one_that_stands_for_it(eps, graph, data):
    count = len(graph)
    times = st.lists(st.one_of(st.just(0.0), st.floats(0.1, 3.0)), min_size=count, max_size=count).map(tuple)
    costs = CostProfile(data.draw(times), data.draw(times))
    numbers = layer_numbers(graph, costs, Encoding("e", data.draw(times), data.draw(times), data.draw(times)))
    found = frontier(fewest_states(graph.structure, 10**6), numbers, eps, *NO_LIMITS)
    splits = closed_sets(graph)
    inside = np.array([[layer.name in edge for layer in graph.layers] for edge in splits])
    offloads = ~inside.all(axis=1)
    rows = price_splits(inside, Crossings(graph.structure), [numbers])[0, :, :4]
    own = price_splits(found.inside, Crossings(graph.structure), [numbers])[0, :, :4]
    assert {edge.tobytes() for edge in found.inside} <= {edge.tobytes() for edge in inside[offloads]}
    assert (own <= found.least * (1 + eps) * (1 + 1e-12)).all()
    for row in rows[offloads]:
        assert (found.least <= row * (1 + 1e-12)).all(axis=1).any(), "no label stands for it"


def wide(width, length):
    layers = [Layer("image", (), 50)]
    for branch in range(width):
        names = ["image", *(f"b{branch}.{i}" for i in range(length))]
        layers += [Layer(name, (before,), 10 + branch + i) for i, (before, name) in enumerate(pairwise(names))]
    ends = tuple(f"b{branch}.{length - 1}" for branch in range(width))
    return LayerGraph((*layers, Layer("join", ends, 1)), ("join",))


def test_a_frontier_gives_up_at_its_limits():
    graph = wide(6, 3)
    rng = np.random.default_rng(0)
    costs = CostProfile(*(tuple(rng.random(len(graph)).tolist()) for _ in range(2)))
    states, numbers = fewest_states(graph.structure, 10**6), layer_numbers(graph, costs, Encoding.raw(graph))
    assert frontier(states, numbers, 0.05, *NO_LIMITS) is not None
    assert frontier(states, numbers, 0.05, np.inf, 10.0, 10**9) is None
    assert frontier(states, numbers, 0.05, np.inf, np.inf, 10) is None


def test_splits_that_return_too_much_are_left_out():
    layers = (Layer("image", (), 10), Layer("a", ("image",), 60), Layer("b", ("image",), 50))
    graph = LayerGraph(layers, ("a", "b"))
    numbers = layer_numbers(graph, CostProfile((0.0, 1.0, 2.0), (0.0, 0.1, 0.3)), Encoding.raw(graph))
    states = fewest_states(graph.structure, 100)
    assert len(frontier(states, numbers, 0.01, *NO_LIMITS).inside) == 3
    assert sorted(frontier(states, numbers, 0.01, 8 * 100.0, np.inf, 10**9).inside.sum(axis=1)) == [2, 2]


@given(st.integers(0, 10**6), st.sampled_from([3, 30, 700]), st.sampled_from([0.02, 0.3]))
@settings(max_examples=60, deadline=None)
def test_labels_are_merged_within_a_state_and_within_the_factor(seed, count, eps):
    """Twice, with something added in between, as between two steps: the factor does not accumulate."""
    rng = np.random.default_rng(seed)
    numbers = np.where(rng.random((count, 4)) < 0.1, 0.0, 10.0 ** rng.uniform(-1, 1, (count, 4)))
    numbers[:, 2] = rng.choice([0.0, 1.0], count)
    states = rng.integers(0, rng.choice([1, 3]), count).astype(np.int32)
    truth, now, added = numbers.copy(), np.concatenate([numbers, numbers], axis=1), 10.0 ** rng.uniform(-2, 1, 4)
    every_state = states
    for share in (0.4, 1.0):
        now, kept = merge(now, states, share * eps)
        states = states[kept]
        assert (np.diff(states) >= 0).all()
        assert (now[:, :4] <= (1 + share * eps) * now[:, 4:] * (1 + 1e-12)).all()
        for row, state in zip(truth, every_state, strict=True):
            assert (now[states == state, 4:] <= row * (1 + 1e-12)).all(axis=1).any()
        now, truth = now + np.concatenate([added, added]), truth + added
    assert len(states) < count or count == 3


def test_many_near_ones_become_few():
    rng = np.random.default_rng(0)
    numbers = rng.uniform(1.0, 1.001, (500, 4))
    now, kept = merge(np.concatenate([numbers, numbers], axis=1), np.zeros(500, dtype=np.int32), 0.01)
    assert len(kept) == 1
    assert now[0, 4:] == pytest.approx(numbers.min(axis=0))
