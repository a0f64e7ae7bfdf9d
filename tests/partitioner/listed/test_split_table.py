import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, problems

from partitioner import (
    CostProfile,
    Layer,
    LayerGraph,
    Link,
    PartitionError,
    SplitTable,
    TooManySplitsError,
    dsl,
    evaluate,
)

GRAPH = LayerGraph((Layer("image", (), 1000), Layer("a", ("image",), 10), Layer("b", ("a",), 1)), ("b",))
COSTS = CostProfile((0.0, 1.0, 2.0), (0.0, 0.1, 0.2))


@given(problems(max_layers=10))
@settings(max_examples=100, deadline=None)
def test_length_is_the_number_of_closed_sets(problem):
    assert len(SplitTable(*problem[:2])) == len(closed_sets(problem[0]))


LOADS = st.one_of(st.sampled_from([0.0, 1.0, 3.0]), st.floats(0.1, 10.0))


@given(problems(max_layers=8), LOADS, LOADS, st.sampled_from([None, 0.1, 10.0]))
@settings(max_examples=200, deadline=None)
def test_load_factors_are_a_profile_with_other_times(problem, edge_load, cloud_load, rate_hz):
    graph, costs, link = problem
    table = SplitTable(graph, costs)
    loaded = SplitTable(
        graph, CostProfile(tuple(t * edge_load for t in costs.edge_s), tuple(t * cloud_load for t in costs.cloud_s))
    )
    loads = {"edge_load": edge_load, "cloud_load": cloud_load}
    assert math.isclose(table.dsl(link, **loads).latency_s, loaded.dsl(link).latency_s, rel_tol=1e-12)
    assert math.isclose(table.dsh(link, **loads).bottleneck_s, loaded.dsh(link).bottleneck_s, rel_tol=1e-12)
    chosen = table.dsh(link, rate_hz, **loads)
    assert chosen.edge in closed_sets(graph)
    again = table.evaluate(chosen.edge, link, **loads)
    assert math.isclose(again.latency_s, chosen.latency_s, rel_tol=1e-12)
    assert again.cut == chosen.cut


@given(problems(max_layers=8), st.data())
@settings(max_examples=100, deadline=None)
def test_new_costs_price_the_same_sets(problem, data):
    graph, costs, link = problem
    times = st.lists(st.floats(0.0, 10.0), min_size=len(graph), max_size=len(graph)).map(tuple)
    others = CostProfile(data.draw(times), data.draw(times))
    table = SplitTable(graph, others)
    before = table.dsl(link)
    repriced = table.with_costs(costs)
    assert repriced.dsl(link) == SplitTable(graph, costs).dsl(link)
    assert repriced.decide(link, 1.0) == SplitTable(graph, costs).decide(link, 1.0)
    assert table.dsl(link) == before


def test_new_costs_share_the_listing():
    table = SplitTable(GRAPH, COSTS)
    assert table.with_costs(COSTS)._sets is table._sets


def test_the_limit():
    assert len(SplitTable(GRAPH, COSTS, max_sets=3)) == 3
    with pytest.raises(TooManySplitsError, match=r"2 closed sets.*'b'"):
        SplitTable(GRAPH, COSTS, max_sets=2)


def test_evaluate_refuses_what_is_not_closed():
    with pytest.raises(PartitionError, match="not closed"):
        SplitTable(GRAPH, COSTS).evaluate({"image", "b"}, Link(1e6))


@pytest.mark.parametrize("edge", [{"image"}, {"image", "a"}, {"image", "a", "b"}])
def test_evaluate_is_the_function_of_that_name(edge):
    link = Link(1e4, 1e3, 0.1)
    assert SplitTable(GRAPH, COSTS).evaluate(edge, link) == evaluate(GRAPH, COSTS, link, edge)


def test_many_different_answers_do_not_pile_up():
    count = 400
    layers = tuple(Layer(f"v{i}", (f"v{i - 1}",) if i else (), (count - i) ** 2) for i in range(count))
    graph = LayerGraph(layers, (f"v{count - 1}",))
    costs = CostProfile((1e-3,) * count, (1e-4,) * count)
    table = SplitTable(graph, costs)
    rates = np.geomspace(1e5, 1e8, 300)
    cuts = {table.dsl(Link(rate)).cut for rate in rates}
    assert len(cuts) > 128
    assert len(table._names) <= 128
    assert [table.dsl(Link(rate)) for rate in rates[::20]] == [dsl(graph, costs, Link(rate)) for rate in rates[::20]]
