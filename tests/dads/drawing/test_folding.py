import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dads.drawing.folding import Fold, Side, fold
from partitioner import Layer, LayerGraph

LEVELS = [Fold.LAYERS, Fold.CHAINS, Fold.BLOCKS, Fold.RUNS, Fold.SIDES]


def graph_of(arcs, outputs=None):
    """A graph from what each layer reads: `{"b": "a", "c": "ab"}`."""
    layers = tuple(Layer(name, tuple(read), 100) for name, read in arcs.items())
    return LayerGraph(layers, tuple(outputs or layers[-1].name))


# a - b - [c - d | e] - f - g: a chain, a block of two branches with its join f, and a last layer.
BRANCHES = graph_of({"a": "", "b": "a", "c": "b", "d": "c", "e": "b", "f": "de", "g": "f"})
# As in a residual network: d reads the branch and, past it, what the branch read.
RESIDUAL = graph_of({"a": "", "b": "a", "c": "b", "d": "ca", "e": "d"})


def names(folded):
    return ["".join(box.layers) for box in folded.boxes]


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (Fold.LAYERS, ["a", "b", "c", "d", "e", "f", "g"]),
        (Fold.CHAINS, ["ab", "cd", "e", "fg"]),
        (Fold.BLOCKS, ["ab", "cdef", "g"]),
        (Fold.RUNS, ["abcdefg"]),
    ],
)
def test_each_level_folds_more(detail, expected):
    assert sorted(names(fold(BRANCHES, None, detail))) == sorted(expected)


def test_a_residual_is_a_block():
    folded = fold(RESIDUAL, None, Fold.BLOCKS)
    assert names(folded) == ["a", "bcd", "e"]
    assert [box.branches for box in folded.boxes] == [0, 2, 1]
    assert [box.is_chain for box in folded.boxes] == [True, False, True]


def test_a_block_that_is_cut_stays_open_and_shows_what_crosses():
    folded = fold(BRANCHES, frozenset("abc"), Fold.BLOCKS)
    assert sorted(names(folded)) == ["ab", "c", "d", "e", "fg"]
    crossing = {
        (folded.boxes[arrow.source].layers, folded.boxes[arrow.target].layers): arrow.sent
        for arrow in folded.arrows
        if arrow.sent
    }
    assert crossing == {(("c",), ("d",)): ("c",), (("a", "b"), ("e",)): ("b",)}


def test_the_most_folded_level_keeps_each_side_of_a_cut_block_together():
    folded = fold(BRANCHES, frozenset("abce"), Fold.SIDES)
    assert sorted(names(folded)) == ["abce", "dfg"]
    assert [arrow.sent for arrow in folded.arrows] == [("c", "e")]


def test_inputs_and_outputs_are_told():
    first, second = fold(graph_of({"a": "", "b": "a"}), frozenset("a"), Fold.CHAINS).boxes
    assert (first.is_input, first.is_output, second.is_input, second.is_output) == (True, False, False, True)


def test_auto_draws_every_layer_of_a_small_graph_and_folds_a_long_one():
    assert len(fold(BRANCHES, None).boxes) == len(BRANCHES)
    chain = LayerGraph(tuple(Layer(f"v{i}", (f"v{i - 1}",) if i else (), 1) for i in range(1000)), outputs=("v999",))
    assert [len(box.layers) for box in fold(chain, None).boxes] == [1000]
    assert [len(box.layers) for box in fold(chain, frozenset(f"v{i}" for i in range(10))).boxes] == [10, 990]


@st.composite
def splits(draw):
    """A random graph and a random closed set that holds its inputs."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    count = rng.randint(1, 14)
    layers = []
    for i in range(count):
        near = list(range(max(0, i - 4), i))
        read = rng.sample(near, rng.randint(0 if rng.random() < 0.1 else 1, min(3, len(near)))) if near else []
        layers.append(Layer(f"v{i}", tuple(f"v{j}" for j in sorted(read)), rng.randint(0, 1000)))
    graph = LayerGraph(tuple(layers), outputs=(layers[-1].name,))
    edge = set()
    for layer in layers:
        if not layer.inputs or (edge.issuperset(layer.inputs) and rng.random() < 0.7):
            edge.add(layer.name)
    return graph, frozenset(edge)


@given(splits(), st.sampled_from(LEVELS))
def test_what_holds_at_every_level(split, detail):
    graph, edge = split
    folded = fold(graph, edge, detail)
    box_of = {name: i for i, box in enumerate(folded.boxes) for name in box.layers}
    assert sum(len(box.layers) for box in folded.boxes) == len(graph) == len(box_of)
    for box in folded.boxes:
        assert {Side.EDGE if name in edge else Side.CLOUD for name in box.layers} == {box.side}
    flows = {(arrow.source, arrow.target): arrow.sent for arrow in folded.arrows}
    assert len(flows) == len(folded.arrows)
    assert all(source < target for source, target in flows)
    expected = {}
    for layer in graph.layers:
        for read in layer.inputs:
            if box_of[read] != box_of[layer.name]:
                sent = expected.setdefault((box_of[read], box_of[layer.name]), set())
                sent.update({read} if read in edge and layer.name not in edge else ())
    assert {flow: set(sent) for flow, sent in flows.items()} == expected


def test_an_input_between_two_layers_of_a_chain_is_no_block():
    layers = (Layer("a", (), 1), Layer("alone", (), 1), Layer("b", ("a",), 1), Layer("c", ("b",), 1))
    graph = LayerGraph(layers, ("c",))
    everything = frozenset(layer.name for layer in layers)
    for detail in LEVELS:
        assert {name for box in fold(graph, everything, detail).boxes for name in box.layers} == everything


@given(splits())
def test_no_level_has_more_boxes_than_the_one_before(split):
    counts = [len(fold(*split, detail).boxes) for detail in LEVELS]
    assert counts == sorted(counts, reverse=True)
