import math

from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import assert_priced_right, problems

from partitioner import CostProfile, Layer, LayerGraph, Link, SplitTable
from partitioner.reference import chain_splits, neurosurgeon


@given(problems())
@settings(max_examples=200, deadline=None)
def test_feasible_and_never_better_than_the_table(problem):
    split = neurosurgeon(*problem)
    assert_priced_right(problem, split)
    assert split.latency_s >= SplitTable(*problem[:2]).dsl(problem[2]).latency_s * (1 - 1e-12)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10), st.integers(0, 10**6)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_on_chains_it_is_the_table(rows):
    names = [f"v{i}" for i in range(len(rows))]
    layers = tuple(Layer(names[i], tuple(names[i - 1 : i]) if i else (), size) for i, (_, _, size) in enumerate(rows))
    graph = LayerGraph(layers, (names[-1],))
    costs = CostProfile(tuple(edge for edge, _, _ in rows), tuple(cloud for _, cloud, _ in rows))
    table, link = SplitTable(graph, costs), Link(1e6, 1e6, 0.1)
    assert len(list(chain_splits(graph, costs, link))) == len(table)
    assert math.isclose(neurosurgeon(graph, costs, link).latency_s, table.dsl(link).latency_s, rel_tol=1e-12)


def test_from_cloud_only_to_edge_only():
    layers = (Layer("x", (), 1), Layer("a", ("x",), 1), Layer("y", (), 1), Layer("b", ("a", "y"), 1))
    graph = LayerGraph(layers, ("b",))
    splits = list(chain_splits(graph, CostProfile((0.0,) * 4, (0.0,) * 4), Link(1e6)))
    assert [split.edge for split in splits] == [{"x", "y"}, {"x", "y", "a"}, {"x", "y", "a", "b"}]
