import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, priced, problems

from partitioner import Link
from partitioner.searched.problem import Problem
from partitioner.searched.remainder import Remainder


def to_array(graph, edge):
    return np.array([layer.name in edge for layer in graph.layers])


WEIGHTS = st.tuples(*[st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.01, 10.0))] * 3)


@given(problems(max_layers=10), WEIGHTS, st.data())
@settings(max_examples=200, deadline=None)
def test_the_minimum_over_the_splits_that_keep_what_is_placed(problem, weights, data):
    """Two nested closed sets: what is in the smaller one is on the edge, what is not in the larger one in the cloud."""
    graph, costs, link = problem
    splits = closed_sets(graph)
    smaller = data.draw(st.sampled_from(splits))
    larger = data.draw(st.sampled_from([edge for edge in splits if edge >= smaller]))

    def weighted(edge):
        split = priced(graph, costs, Link(link.uplink_bps, link.downlink_bps), edge)
        return math.fsum(w * s for w, s in zip(weights, (split.edge_s, split.transfer_s, split.cloud_s), strict=True))

    smallest = min(weighted(edge) for edge in splits if smaller <= edge <= larger)
    remainder = Remainder(Problem.of(*problem), to_array(graph, smaller), ~to_array(graph, larger))
    inside, bound = remainder.minimum(np.array(weights))
    found = frozenset(layer.name for layer, here in zip(graph.layers, inside, strict=True) if here)
    assert found in splits
    assert smaller <= found <= larger
    assert math.isclose(weighted(found), smallest, rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(bound, smallest, rel_tol=1e-9, abs_tol=1e-12)
