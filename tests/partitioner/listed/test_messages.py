"""What does not fit in a message, alone or together, is never sent, whichever solver chooses the split."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, encodings_of, priced, problems

from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, PartitionError, SplitTable, evaluate
from partitioner.reference import chain_splits
from partitioner.reference.paper_graph import paper_cut
from partitioner.searched.searched_splits import SearchedSplits


@st.composite
def bounded(draw, together=True):
    """A problem in which some values, and perhaps some sums of values, are too large for a message."""
    graph, costs, link = draw(problems(max_layers=8))
    layers = tuple(dataclasses.replace(layer, sendable=draw(st.integers(0, 3)) > 0) for layer in graph.layers)
    limit = draw(st.sampled_from([math.inf, *(layer.output_bytes for layer in layers)])) if together else math.inf
    return LayerGraph(layers, graph.outputs, limit), costs, link


def fits(graph, edge):
    """Whether what goes up, and what comes down, can be sent; from the definition."""
    up = {name for layer in graph.layers if layer.name not in edge for name in layer.inputs if name in edge}
    down = set(graph.outputs) - edge
    by_name = {layer.name: layer for layer in graph.layers}
    return all(
        all(by_name[name].sendable for name in names)
        and sum(by_name[name].output_bytes for name in names) <= graph.max_message_bytes
        for names in (up, down)
    )


@given(bounded())
@settings(max_examples=40, deadline=None)
def test_a_split_that_cannot_be_sent_takes_forever(problem):
    graph = problem[0]
    for edge in closed_sets(graph):
        split = evaluate(*problem, edge)
        assert math.isinf(split.transfer_s) is not fits(graph, edge)
        if fits(graph, edge):
            assert math.isclose(split.latency_s, priced(*problem, edge).latency_s, rel_tol=1e-12)
    assert math.isfinite(evaluate(*problem, {layer.name for layer in graph.layers}).latency_s), "edge-only always can"


@given(bounded(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_table_is_exact_among_what_can_be_sent(problem, data):
    graph, costs, link = problem
    encodings = data.draw(st.one_of(st.just(()), encodings_of(graph)))
    splits = [
        evaluate(*problem, edge, encoding)
        for edge in closed_sets(graph)
        for encoding in encodings or (Encoding.raw(graph),)
    ]
    table = SplitTable(graph, costs, encodings=encodings)
    found = table.dsl(link), table.dsh(link)
    assert all(fits(graph, split.edge) for split in found)
    assert math.isclose(found[0].latency_s, min(split.latency_s for split in splits), rel_tol=1e-12)
    assert math.isclose(found[1].bottleneck_s, min(split.bottleneck_s for split in splits), rel_tol=1e-12)


@given(bounded(together=False), st.data())
@settings(max_examples=40, deadline=None)
def test_a_search_is_exact_where_only_single_values_are_too_large(problem, data):
    graph, costs, link = problem
    encodings = data.draw(st.one_of(st.just(()), encodings_of(graph)))
    table, search = SplitTable(graph, costs, encodings=encodings), SearchedSplits(graph, costs, encodings)
    found = search.dsl(link)
    assert fits(graph, found.edge)
    assert math.isclose(found.latency_s, table.dsl(link).latency_s, rel_tol=1e-9)
    heavy, exact = search.dsh(link), table.dsh(link)
    assert fits(graph, heavy.edge)
    assert heavy.lower_bound_s <= exact.bottleneck_s * (1 + 1e-9)


@given(bounded())
@settings(max_examples=15, deadline=None)
def test_a_search_never_sends_too_much_and_its_bounds_hold(problem):
    graph, costs, link = problem
    table, search = SplitTable(graph, costs), SearchedSplits(graph, costs)
    light, heavy = search.dsl(link), search.dsh(link)
    assert fits(graph, light.edge)
    assert fits(graph, heavy.edge)
    assert light.lower_bound_s <= table.dsl(link).latency_s * (1 + 1e-9)
    assert heavy.lower_bound_s <= table.dsh(link).bottleneck_s * (1 + 1e-9)


def test_what_cannot_be_sent_stays_on_the_edge_however_fast_the_cloud():
    layers = (
        Layer("image", (), 10),
        Layer("wide", ("image",), 1000, sendable=False),
        Layer("narrow", ("wide",), 10),
        Layer("mask", ("narrow",), 1000, sendable=False),
        Layer("box", ("narrow",), 1),
    )
    costs = CostProfile((0.0, 1.0, 1.0, 1.0, 9.0), (0.0,) * 5)
    graph = LayerGraph(layers, ("mask", "box"))
    assert graph.structure.kept == (0, 1, 2, 3)
    for splits in (SplitTable(graph, costs), SearchedSplits(graph, costs)):
        assert splits.dsl(Link(math.inf)).cut == ("narrow",)
        assert math.isinf(splits.evaluate({"image"}, Link(math.inf)).latency_s)
    chain = min(chain_splits(graph, costs, Link(math.inf)), key=lambda split: split.latency_s)
    assert chain.cut == ("narrow",)


def test_the_papers_construction_does_not_send_it_either():
    layers = (Layer("image", (), 10), Layer("wide", ("image",), 0, sendable=False), Layer("narrow", ("wide",), 0))
    graph, costs = LayerGraph(layers, ("narrow",)), CostProfile((0.0, 0.0, 9.0), (0.0, 9.0, 0.0))
    split = paper_cut(graph, costs, Link(8.0), pin_inputs=True, arcs_back=True).edge
    assert ("wide" in split) == ("narrow" in split)
    possible = dataclasses.replace(layers[1], sendable=True)
    graph = LayerGraph((layers[0], possible, layers[2]), ("narrow",))
    assert paper_cut(graph, costs, Link(8.0), pin_inputs=True, arcs_back=True).edge == {"image", "wide"}


def test_the_limit_is_a_number():
    with pytest.raises(PartitionError, match="max_message_bytes is -1"):
        LayerGraph((Layer("image", (), 1),), ("image",), -1)
