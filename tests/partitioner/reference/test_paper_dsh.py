import math

import pytest
from hypothesis import given, settings
from random_graphs import assert_priced_right, brute_force, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, dsl
from partitioner.reference import paper_dsh
from partitioner.reference.paper_dsh import _points


@given(problems(max_layers=9))
@settings(max_examples=60, deadline=None)
def test_within_the_paper_s_factor_of_brute_force(problem):
    split = paper_dsh(*problem, most_steps=3)
    assert_priced_right(problem, split)
    smallest_s = min(priced.bottleneck_s for priced in brute_force(problem))
    assert smallest_s * (1 - 1e-12) <= split.bottleneck_s <= 3 * smallest_s * (1 + 1e-9)
    assert split.lower_bound_s <= smallest_s * (1 + 1e-9)


@given(problems(max_layers=9))
@settings(max_examples=30, deadline=None)
def test_never_a_larger_bottleneck_than_light_load_s(problem):
    """The pair (1, 1) is light load; without the fixed time, which the paper does not know."""
    graph, costs, link = problem
    link = Link(link.uplink_bps, link.downlink_bps)
    lowest = dsl(graph, costs, link)
    split = paper_dsh(graph, costs, link, most_steps=3)
    # Of several splits of the lowest latency, light load and the pair may meet different ones.
    assert split.bottleneck_s <= lowest.latency_s * (1 + 1e-9)


@pytest.mark.parametrize("uplink_bps", [1e3, 1e11, math.inf])
@pytest.mark.parametrize("size", [0, 1, 10**7])
def test_no_division_by_nothing_and_no_negative_capacity(uplink_bps, size):
    layers = (Layer("image", (), size), Layer("a", ("image",), 0), Layer("b", ("a",), size))
    graph = LayerGraph(layers, ("b",))
    for times in ((0.0, 1.0, 1e-6), (0.0, 0.0, 0.0), (0.0, 100.0, 1e-6)):
        split = paper_dsh(graph, CostProfile(times, times), Link(uplink_bps), most_steps=4)
        assert split.bottleneck_s <= math.fsum(times)


def test_finer_grids_find_more():
    """Three branches of which any two are too many: light load keeps all on one side, scaled times tell them apart."""
    layers = (Layer("image", (), 0), *(Layer(f"b{i}", ("image",), 0) for i in range(3)))
    graph = LayerGraph(layers, ("b0", "b1", "b2"))
    costs = CostProfile((0.0, 1.0, 1.0, 1.0), (0.0, 0.9, 0.7, 0.5))
    assert dsl(graph, costs, Link(1e6)).bottleneck_s == pytest.approx(2.1)
    assert paper_dsh(graph, costs, Link(1e6)).bottleneck_s == pytest.approx(1.2)


def test_grids_hold_both_ends():
    assert _points(0.0, 3.0, 1.0) == [0.0, 1.0, 2.0, 3.0]
    assert _points(0.5, 1.5, 0.5) == [0.5, 1.0, 1.5]
    assert _points(0.0, 1.7, 1.0) == [0.0, 1.0]
