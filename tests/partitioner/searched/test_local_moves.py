import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, priced, problems

from partitioner import CostProfile, Layer, LayerGraph, Link
from partitioner.searched.local_moves import _Border, move_layers
from partitioner.searched.remainder import StageArrays


def to_array(graph, edge):
    return np.array([layer.name in edge for layer in graph.layers])


def names(graph, inside):
    return frozenset(layer.name for layer, here in zip(graph.layers, inside, strict=True) if here)


@given(problems(max_layers=9), st.data())
@settings(max_examples=100, deadline=None)
def test_a_walk_ends_at_a_split_that_is_no_worse(problem, data):
    graph, stages = problem[0], StageArrays.of(*problem)
    start = data.draw(st.sampled_from(closed_sets(graph)))
    found = names(graph, move_layers(stages, to_array(graph, start), 200))
    assert found in closed_sets(graph)
    slack_s = 1e-12 * float(stages.up.sum() + stages.down.sum() + stages.edge.sum() + stages.cloud.sum())
    assert priced(*problem, found).bottleneck_s <= priced(*problem, start).bottleneck_s * (1 + 1e-9) + slack_s


@given(problems(max_layers=9), st.data())
@settings(max_examples=100, deadline=None)
def test_the_movable_layers_are_those_that_leave_a_split_and_are_priced_right(problem, data):
    graph, stages = problem[0], StageArrays.of(*problem)
    splits = closed_sets(graph)
    edge = data.draw(st.sampled_from(splits))
    border = _Border(stages, to_array(graph, edge))
    scale_s = float(stages.up.sum() + stages.down.sum() + stages.edge.sum() + stages.cloud.sum())
    for _ in range(10):
        movable = {layer.name for layer in graph.layers if edge ^ {layer.name} in splits}
        assert {graph.layers[i].name for i in border.movable} == movable
        assert len(border.movable) == len(movable)
        if not movable:
            break
        layer = data.draw(st.sampled_from(border.movable))
        border.move(layer, border.after(layer))
        edge = edge ^ {graph.layers[layer].name}
        assert names(graph, border.inside) == edge
        expected = priced(*problem, edge)
        for ours, theirs in zip(border.stages_s, (expected.edge_s, expected.transfer_s, expected.cloud_s), strict=True):
            assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12 * scale_s)


def side_by_side(seconds):
    layers = (Layer("image", (), 0), *(Layer(f"v{i}", ("image",), 0) for i in range(len(seconds))))
    graph = LayerGraph(layers, tuple(layer.name for layer in layers[1:]))
    return graph, StageArrays.of(graph, CostProfile((0.0, *seconds), (0.0, *seconds)), Link(8.0))


def test_single_layers_make_up_what_is_left():
    """3 + 5 on one side and 1 + 2 + 7 on the other: two single layers change places for 9 and 9."""
    graph, stages = side_by_side([3.0, 5.0, 1.0, 2.0, 7.0])
    found = move_layers(stages, to_array(graph, {"image", "v0", "v1"}), 20_000)
    assert stages.of_split(found).max() == 9.0


@pytest.mark.parametrize("seconds", [[], [0.0, 0.0]])
def test_nothing_to_move_or_to_gain(seconds):
    graph, stages = side_by_side(seconds or [1.0])
    if not seconds:
        graph = LayerGraph((Layer("image", (), 0),), ("image",))
        stages = StageArrays.of(graph, CostProfile((1.0,), (1.0,)), Link(8.0))
    start = np.array([layer.name == "image" for layer in graph.layers])
    assert move_layers(stages, start, 100) is start


def test_the_same_problem_gets_the_same_answer():
    graph, stages = side_by_side([0.1 * i for i in range(1, 40)])
    start = to_array(graph, {"image"})
    assert (move_layers(stages, start, 500) == move_layers(stages, start, 500)).all()
