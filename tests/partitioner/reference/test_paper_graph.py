import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_graphs import SECONDS, brute_force, closed_sets, graphs

from partitioner import CostProfile, Layer, LayerGraph, Link, PartitionError, dsl, evaluate
from partitioner.reference import paper_cut

ARCS = [(0, 1), (0, 2), (1, 2), (2, 3), (1, 4), (3, 4)]
GRAPH = LayerGraph(
    tuple(
        Layer(f"v{v}", tuple(f"v{tail}" for tail, head in ARCS if head == v), size)
        for v, size in enumerate([16, 19, 1, 5, 26])
    ),
    ("v4",),
)
COSTS = CostProfile((0, 1, 8, 10, 14), (0, 0, 3, 4, 11))
LINK = Link(8.0)


def test_as_printed_everything_is_in_the_cloud_and_nothing_is_sent():
    cut = paper_cut(GRAPH, COSTS, LINK)
    assert cut.value_s == 18
    assert cut.edge == set()
    with pytest.raises(PartitionError, match="lacks 'v0'"):
        evaluate(GRAPH, COSTS, LINK, cut.edge)


def test_with_the_input_on_the_edge_data_comes_back_up_for_free():
    cut = paper_cut(GRAPH, COSTS, LINK, pin_inputs=True)
    assert cut.value_s == 28
    with pytest.raises(PartitionError, match="not closed: 'v4' is on the edge and reads 'v3'"):
        evaluate(GRAPH, COSTS, LINK, cut.edge)


def test_with_arcs_back_too_it_is_the_optimum():
    cut = paper_cut(GRAPH, COSTS, LINK, pin_inputs=True, arcs_back=True)
    assert cut.value_s == 33 == dsl(GRAPH, COSTS, LINK).latency_s
    assert evaluate(GRAPH, COSTS, LINK, cut.edge).latency_s == 33


@st.composite
def paper_problems(draw, max_layers=9):
    """What the paper knows: no downlink, no fixed time."""
    graph = draw(graphs(max_layers))
    times = st.lists(SECONDS, min_size=len(graph), max_size=len(graph))
    return graph, CostProfile(tuple(draw(times)), tuple(draw(times))), Link(draw(st.floats(1e3, 1e9)))


@given(paper_problems())
@settings(max_examples=200, deadline=None)
def test_corrected_equals_brute_force_and_every_defect_only_lowers_the_value(problem):
    smallest_s = min(split.latency_s for split in brute_force(problem))
    corrected = paper_cut(*problem, pin_inputs=True, arcs_back=True)
    assert math.isclose(corrected.value_s, smallest_s, rel_tol=1e-9, abs_tol=1e-12)
    assert corrected.edge in closed_sets(problem[0])
    pinned = paper_cut(*problem, pin_inputs=True)
    printed = paper_cut(*problem)
    assert printed.value_s <= pinned.value_s * (1 + 1e-9) + 1e-12
    assert pinned.value_s <= corrected.value_s * (1 + 1e-9) + 1e-12


@given(paper_problems())
@settings(max_examples=200, deadline=None)
def test_where_the_printed_cut_can_be_run_it_is_optimal(problem):
    cut = paper_cut(*problem, pin_inputs=True)
    assume(cut.edge in closed_sets(problem[0]))
    smallest_s = min(split.latency_s for split in brute_force(problem))
    assert math.isclose(evaluate(*problem, cut.edge).latency_s, smallest_s, rel_tol=1e-9, abs_tol=1e-12)


@given(st.lists(st.tuples(SECONDS, st.floats(0, 1), st.integers(0, 10**6)), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_on_chains_with_a_faster_cloud_the_printed_network_is_right(rows):
    """Why it went unnoticed: chains, with a cloud that is never the slower side, need no arcs back."""
    names = [f"v{i}" for i in range(len(rows))]
    layers = tuple(Layer(names[i], tuple(names[i - 1 : i]) if i else (), size) for i, (_, _, size) in enumerate(rows))
    graph = LayerGraph(layers, (names[-1],))
    costs = CostProfile(tuple(t for t, _, _ in rows), tuple(t * share for t, share, _ in rows))
    lowest = dsl(graph, costs, Link(1e6))
    cut = paper_cut(graph, costs, Link(1e6), pin_inputs=True)
    assert math.isclose(cut.value_s, lowest.latency_s, rel_tol=1e-9, abs_tol=1e-12)


def test_branches_break_it_even_with_a_faster_cloud():
    assert all(cloud <= edge for edge, cloud in zip(COSTS.edge_s, COSTS.cloud_s, strict=True))
