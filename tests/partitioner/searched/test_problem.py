import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, encodings_of, priced, problems

from partitioner import Link
from partitioner.searched.problem import Problem


def to_array(graph, edge):
    return np.array([layer.name in edge for layer in graph.layers])


@given(problems(max_layers=9))
@settings(max_examples=100, deadline=None)
def test_stages_of_every_split(problem):
    whole = Problem.of(*problem)
    for edge in closed_sets(problem[0]):
        expected = priced(*problem, edge)
        found = whole.stages(to_array(problem[0], edge)).tolist()
        for ours, theirs in zip(found, (expected.edge_s, expected.transfer_s, expected.cloud_s), strict=True):
            assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)


LOADS = st.floats(0.0, 8.0)


@given(problems(max_layers=7), st.data(), LOADS, LOADS)
@settings(max_examples=60, deadline=None)
def test_a_cut_costs_the_weighted_sum_of_the_stages_as_priced(problem, data, edge_load, cloud_load):
    """In an encoding that may send everything, under any load of either side."""
    graph, costs, link = problem
    link = Link(link.uplink_bps, link.downlink_bps)
    encoding = data.draw(encodings_of(graph).map(lambda each: each[0]))
    weights = np.array(data.draw(st.tuples(*[st.floats(0.01, 1.0)] * 3)))
    whole = Problem.of(graph, costs, link, encoding, edge_load=edge_load, cloud_load=cloud_load)
    splits = [whole.price(to_array(graph, edge)) for edge in closed_sets(graph)]
    assert {split.edge for split in splits} == set(closed_sets(graph))
    sums = [weights @ np.array([split.edge_s, split.transfer_s, split.cloud_s]) for split in splits]
    cut = whole.minimum(weights)
    assert cut.lower_bound <= min(sums) * (1 + 1e-9)
    assert min(sums) == pytest.approx(cut.cost, rel=1e-9, abs=1e-12)
    assert whole.price(cut.inside) in splits
    assert (whole.inside(whole.price(cut.inside)) == cut.inside).all()


@given(problems(max_layers=7))
@settings(max_examples=30, deadline=None)
def test_either_extreme(problem):
    graph = problem[0]
    whole = Problem.of(*problem)
    assert whole.edge_only().edge == {layer.name for layer in graph.layers}
    assert whole.cloud_only().edge == {layer.name for layer in graph.layers if not layer.inputs}
