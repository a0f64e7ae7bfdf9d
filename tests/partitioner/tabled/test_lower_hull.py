"""The lower hull: corners of an envelope, splits that win for some weights, and bounds where cuts ran out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, graphs

from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, tabulate
from partitioner.searched.min_cut import CutNetwork, model_arcs
from partitioner.tabled import tabulate as building
from partitioner.tabled.layer_numbers import Crossings, layer_numbers, price_splits
from partitioner.tabled.lower_hull import lower_hull
from partitioner.tabled.points import not_dominated
from partitioner.tabled.weight_corners import envelope_corners

SHARES = st.floats(0.0, 1.0)


@given(st.lists(st.tuples(SHARES, SHARES, SHARES, SHARES), min_size=1, max_size=12), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_an_envelope_is_known_from_its_corners(rows, seed):
    """Where all splits of a subset are best at every corner, no other one is better anywhere."""
    rows = np.array(rows)
    rng = np.random.default_rng(seed)
    some = rows[: rng.integers(1, len(rows) + 1)]
    corners = envelope_corners(some)
    assert (corners >= 0.0).all()
    assert corners.sum(axis=1) == pytest.approx(1.0)
    missed = (corners @ some.T).min(axis=1) - (corners @ rows.T).min(axis=1)
    weights = rng.dirichlet(np.full(4, 0.3), 200)
    anywhere = (weights @ some.T).min(axis=1) - (weights @ rows.T).min(axis=1)
    assert anywhere.max() <= missed.max() + 1e-9


def hull_of(graph, costs, encoding, most_cuts=10**4):
    crossings, numbers = Crossings(graph.structure), layer_numbers(graph, costs, encoding)
    hull = lower_hull(CutNetwork(model_arcs(graph.structure)), crossings, numbers, most_cuts)
    inside = np.array([[layer.name in edge for layer in graph.layers] for edge in closed_sets(graph)])
    return hull, price_splits(inside, crossings, [numbers])[0, :, :4]


@given(graphs(max_layers=8), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_for_any_weights_one_of_its_splits_is_best(graph, seed):
    rng = np.random.default_rng(seed)
    costs = CostProfile(*(tuple((rng.random(len(graph)) * rng.integers(0, 2, len(graph))).tolist()) for _ in range(2)))
    hull, rows = hull_of(graph, costs, Encoding.raw(graph))
    assert hull.is_complete
    assert hull.inside[0].all(), "edge-only first"
    scale = np.maximum(rows.max(axis=0), 1e-9)
    for weights in rng.dirichlet(np.full(4, 0.3), 50) / scale:
        best = (rows @ weights).min()
        assert (hull.rows @ weights).min() == pytest.approx(best, rel=1e-9, abs=1e-15)


def test_a_corner_whose_height_is_rounded_is_cut():
    """The height of one corner here, added up in two ways, differs in the last bit."""
    reads = {"v1": ("v0",), "v3": ("v2", "v1"), "v4": ("v2",), "v5": ("v2",)}
    sizes = (265859, 20000, 0, 36586, 150000, 150000, 740952, 1000)
    graph = LayerGraph(
        tuple(Layer(f"v{i}", reads.get(f"v{i}", ()), size) for i, size in enumerate(sizes)), ("v6", "v0")
    )
    edge_s = (
        0.9908337340264428,
        0.0,
        0.003720684113007633,
        0.8745527576404011,
        0.6860686811037888,
        0.0,
        0.001,
        0.9508508969576233,
    )
    cloud_s = (0.024621167464049742, 0.0, 0.001, 0.001, 0.5614092563073392, 0.8717652815218395, 0.0, 0.0)
    sizes_up = (186286.33501026212, np.inf, 0.0, 14233.024658144635, 0.0, 0.0, np.inf, np.inf)
    encode_s = (0.42344854550868094, 0.001, 0.001, 0.0, 0.001, 0.001, 0.518468239879469, 0.001)
    decode_s = (0.0, 0.0, 0.0, 0.9167234620743424, 0.28507357637584074, 0.23781980161881122, 0.28609239294368605, 0.0)
    hull, _ = hull_of(graph, CostProfile(edge_s, cloud_s), Encoding("e", sizes_up, encode_s, decode_s))
    assert hull.is_complete
    assert [True] * 4 + [False] + [True] * 3 in hull.inside.tolist(), "the best one where the uplink is slow"


def branches(width):
    names = tuple(f"b{i}" for i in range(width))
    layers = (Layer("image", (), 100_000), *(Layer(name, ("image",), 100 + 37 * i) for i, name in enumerate(names)))
    graph = LayerGraph((*layers, Layer("join", names, 10)), ("join",))
    rng = np.random.default_rng(0)
    return graph, CostProfile(*(tuple(rng.random(len(graph)).tolist()) for _ in range(2)))


@pytest.mark.parametrize("most_cuts", [1, 8])
def test_a_hull_cut_short_still_proves_what_it_says(most_cuts, monkeypatch):
    graph, costs = branches(9)
    hull, rows = hull_of(graph, costs, Encoding.raw(graph), most_cuts)
    assert not hull.is_complete
    assert len(hull.bounds) == most_cuts
    for weights, bound in zip(hull.weights, hull.bounds, strict=True):
        assert (rows @ weights).min() == pytest.approx(bound)

    exact = tabulate(graph, costs)
    monkeypatch.setattr(building, "_MOST_CUTS", most_cuts)
    for most_states in (0, 10**6):
        monkeypatch.setattr(building, "_MOST_STATES", most_states)
        short = tabulate(graph, costs)
        for bps in (1e4, 1e5, 1e6, 1e7):
            for ask in ("dsl", "dsh"):
                found, best = getattr(short, ask)(Link(bps, 1e6, 0.1)), getattr(exact, ask)(Link(bps, 1e6, 0.1))
                value = "latency_s" if ask == "dsl" else "bottleneck_s"
                assert 0.0 <= found.lower_bound_s <= getattr(best, value) * (1 + 1e-9)
                assert getattr(found, value) >= best.lower_bound_s * (1 - 1e-9)


def test_without_a_frontier_heavy_load_is_proven_by_averages(monkeypatch):
    graph, costs = branches(9)
    exact = tabulate(graph, costs)
    monkeypatch.setattr(building, "_MOST_STATES", 0)
    hull_only = tabulate(graph, costs)
    assert len(hull_only) < len(exact)
    for bps in (1e4, 1e5, 1e6, 1e7):
        found, best = hull_only.dsh(Link(bps)), exact.dsh(Link(bps))
        assert best.lower_bound_s / 3 <= found.lower_bound_s <= best.bottleneck_s
        assert found.bottleneck_s >= best.lower_bound_s
        assert hull_only.dsl(Link(bps)).latency_s == pytest.approx(exact.dsl(Link(bps)).latency_s)


@given(st.integers(0, 10**6), st.integers(1, 600))
@settings(max_examples=40, deadline=None)
def test_what_is_never_better_is_left_out(seed, count):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, rng.choice([3, 40]), (count, 4)).astype(float)
    kept = not_dominated(rows)
    assert (np.diff(kept) > 0).all()
    dominates = (rows[:, np.newaxis] <= rows).all(axis=2)
    equal = (rows[:, np.newaxis] == rows).all(axis=2)
    earlier = np.tri(count, k=-1, dtype=bool).T
    assert kept.tolist() == np.flatnonzero(~(dominates & (~equal | earlier)).any(axis=0)).tolist()
