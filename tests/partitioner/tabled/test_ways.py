import numpy as np
from hypothesis import given, settings
from random_graphs import closed_sets, graphs

from partitioner.tabled.lower_hull import LowerHull
from partitioner.tabled.ways import ways


def hull_of(inside):
    rows = np.column_stack([inside.sum(axis=1), np.zeros((len(inside), 3))]).astype(float)
    return LowerHull(inside, rows, True, np.empty((0, 4)), np.empty(0))


@given(graphs(max_layers=8))
@settings(max_examples=60, deadline=None)
def test_every_step_is_a_split(graph):
    splits = closed_sets(graph)
    inside = np.array([[layer.name in edge for layer in graph.layers] for edge in splits])
    found = ways(hull_of(inside[:: max(1, len(inside) // 4)]), 10**6)
    assert {step.tobytes() for step in found} <= {edge.tobytes() for edge in inside}


def test_a_layer_joins_after_the_other_and_no_way_is_taken_beyond_the_limit():
    inside = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 0, 0, 0]], dtype=bool)
    steps = {tuple(step) for step in ways(hull_of(inside), 100).astype(int).tolist()}
    assert steps == {(1, 1, 0, 0, 0), (1, 1, 1, 0, 0), (1, 1, 1, 1, 0)}
    assert len(ways(hull_of(inside), 0)) == 0
    assert 3 <= len(ways(hull_of(inside), 1)) < len(ways(hull_of(inside), 100))
