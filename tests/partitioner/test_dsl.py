import math

import pytest
from hypothesis import given, settings
from random_graphs import assert_priced_right, best, brute_force, exact_problems, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, SplitTable, dsl
from partitioner.searched.searched_splits import SearchedSplits


def by_table(graph, costs, link):
    return SplitTable(graph, costs).dsl(link)


def by_min_cut(graph, costs, link):
    return SearchedSplits(graph, costs).dsl(link)


SOLVERS = pytest.mark.parametrize("solve", [dsl, by_table, by_min_cut])


@SOLVERS
@given(problem=problems())
@settings(max_examples=250, deadline=None)
def test_lowest_latency_of_all_splits(solve, problem):
    split = solve(*problem)
    assert_priced_right(problem, split)
    smallest_s = min(priced.latency_s for priced in brute_force(problem))
    assert math.isclose(split.latency_s, smallest_s, rel_tol=1e-12)
    assert split.lower_bound_s == split.latency_s


@given(exact_problems())
@settings(max_examples=200, deadline=None)
def test_ties_go_to_the_bottleneck_then_to_fewer_bytes(problem):
    split = by_table(*problem)
    winners = best(
        brute_force(problem),
        lambda priced: priced.latency_s,
        lambda priced: priced.bottleneck_s,
        lambda priced: priced.sent_bytes,
    )
    assert split.edge in [winner.edge for winner in winners]


def test_the_last_tie_goes_to_graph_order():
    graph = LayerGraph((Layer("image", (), 0), Layer("a", ("image",), 0), Layer("b", ("a",), 0)), ("b",))
    nothing = CostProfile((0.0,) * 3, (0.0,) * 3)
    assert dsl(graph, nothing, Link(1e6)).edge == {"image"}


def chain(*sizes, edge_s, cloud_s):
    names = [f"v{i}" for i in range(len(sizes))]
    layers = tuple(Layer(names[i], tuple(names[i - 1 : i]) if i else (), sizes[i]) for i in range(len(sizes)))
    return LayerGraph(layers, (names[-1],)), CostProfile(edge_s, cloud_s)


@SOLVERS
def test_the_input_stays_on_the_edge_even_when_every_time_is_zero(solve):
    graph, costs = chain(1000, 10, edge_s=(0.0, 5.0), cloud_s=(0.0, 0.0))
    split = solve(graph, costs, Link(8000.0))
    assert split.edge == {"v0"}
    assert split.cut == ("v0",)
    assert split.latency_s == 1.0


@SOLVERS
def test_the_input_s_edge_time_is_always_paid(solve):
    graph, costs = chain(1, 10, edge_s=(3.0, 5.0), cloud_s=(100.0, 1.0))
    split = solve(graph, costs, Link(8.0))
    assert (split.edge_s, split.cloud_s, split.latency_s) == (3.0, 1.0, 5.0)


@SOLVERS
def test_a_tensor_with_three_cloud_readers_is_sent_once(solve):
    layers = (
        Layer("image", (), 10**6),
        Layer("stem", ("image",), 1000),
        *(Layer(name, ("stem",), 10) for name in "abc"),
        Layer("join", ("a", "b", "c"), 1),
    )
    costs = CostProfile((0.0, 0.1, 9.0, 9.0, 9.0, 9.0), (0.0, 0.1, 0.0, 0.0, 0.0, 0.0))
    split = solve(LayerGraph(layers, ("join",)), costs, Link(8000.0))
    assert split.cut == ("stem",)
    assert split.transfer_s == 1.0


@SOLVERS
@pytest.mark.parametrize(("fixed_s", "edge"), [(0.9, {"v0"}), (1.1, {"v0", "v1"})])
def test_fixed_time_is_weighed_against_edge_only(solve, fixed_s, edge):
    graph, costs = chain(1, 1, edge_s=(0.0, 2.0), cloud_s=(0.0, 0.0))
    split = solve(graph, costs, Link(8.0, fixed_s=fixed_s))
    assert split.edge == edge
    assert split.fixed_s == (fixed_s if len(edge) == 1 else 0.0)


@SOLVERS
def test_the_answer_s_way_down_counts(solve):
    graph, costs = chain(1, 1000, edge_s=(0.0, 2.0), cloud_s=(0.0, 0.0))
    assert solve(graph, costs, Link(8e6)).edge == {"v0"}
    assert solve(graph, costs, Link(8e6, 8e3)).edge == {"v0"}
    assert solve(graph, costs, Link(8e6, 3e3)).edge == {"v0", "v1"}


@SOLVERS
@pytest.mark.parametrize("uplink_bps", [5e-324, 1e-300, 1e3, 1e11, math.inf])
def test_links_of_any_rate(solve, uplink_bps):
    graph, costs = chain(1000, 0, 10, edge_s=(0.0, 1e-6, 100.0), cloud_s=(0.0, 1e-6, 1.0))
    split = solve(graph, costs, Link(uplink_bps))
    # The middle layer sends nothing, so even the slowest link carries it for free.
    assert split.latency_s == pytest.approx(1.000001, rel=1e-6)


@SOLVERS
def test_inputs_only(solve):
    graph, costs = chain(1000, edge_s=(2.0,), cloud_s=(1.0,))
    split = solve(graph, costs, Link(1.0, fixed_s=1.0))
    assert (split.edge, split.cut, split.latency_s, split.lower_bound_s) == ({"v0"}, (), 2.0, 2.0)


@SOLVERS
def test_disconnected_outputs_go_each_their_own_way(solve):
    layers = (Layer("x", (), 1), Layer("y", (), 10**6), Layer("fx", ("x",), 0), Layer("fy", ("y",), 0))
    costs = CostProfile((0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 0.1, 0.1))
    split = solve(LayerGraph(layers, ("fx", "fy")), costs, Link(8e3))
    assert split.edge == {"x", "y", "fy"}
    assert split.cut == ("x",)


@SOLVERS
def test_chain_of_ten_thousand(solve):
    count = 10_000
    graph, costs = chain(*range(count, 0, -1), edge_s=(1e-4,) * count, cloud_s=(0.5e-4,) * count)
    split = solve(graph, costs, Link(1e6))
    # One more layer on the edge costs 50 µs and saves a byte, which is 8 µs: nothing but the input stays.
    assert split.edge == {"v0"}
    split = solve(graph, costs, Link(1e5))
    assert split.edge == {f"v{i}" for i in range(count)}
    assert split.lower_bound_s == split.latency_s


def test_beyond_the_table_the_cut_takes_over():
    layers = [Layer("image", (), 0), *(Layer(f"v{i}", ("image",), i) for i in range(60))]
    graph = LayerGraph((*layers, Layer("join", tuple(f"v{i}" for i in range(60)), 0)), ("join",))
    edge_s = (0.0, *(float(i % 7) for i in range(60)), 0.5)
    cloud_s = (0.0, *(float(i % 5) for i in range(60)), 0.5)
    split = dsl(graph, CostProfile(edge_s, cloud_s), Link(8.0))
    # With the join in the cloud each branch chooses for itself; with it on the edge all are there.
    free = math.fsum(min(i % 7 + i, i % 5) for i in range(60))
    assert split.latency_s == min(free, math.fsum(i % 7 for i in range(60))) + 0.5
    assert split.lower_bound_s == split.latency_s
