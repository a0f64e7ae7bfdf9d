import random

import pytest
from hypothesis import given, settings
from random_graphs import closed_sets, graphs, priced

from partitioner import CostProfile, Layer, LayerGraph, Link, TooManySplitsError
from partitioner.listed.listing import list_closed_sets
from partitioner.listed.set_sums import crossing, inside_and_outside


def names(graph, positions):
    return frozenset(graph.layers[i].name for i in positions)


def bytes_of(graph, edge):
    """Bytes up and down, told apart by a link that is free in one direction."""
    nothing = CostProfile((0.0,) * len(graph), (0.0,) * len(graph))
    free = float("inf")
    return tuple(priced(graph, nothing, link, edge).transfer_s for link in (Link(8.0, free), Link(free, 8.0)))


def listed_bytes(graph, sets):
    """The same from the listing."""
    sizes = [layer.output_bytes for layer in graph.layers]
    down = [size if layer.name in graph.outputs else 0 for layer, size in zip(graph.layers, sizes, strict=True)]
    return list(zip(crossing(sets, sizes).tolist(), inside_and_outside(sets, down)[1].tolist(), strict=True))


@given(graphs())
@settings(max_examples=300, deadline=None)
def test_lists_every_closed_set_once_with_its_bytes(graph):
    sets = list_closed_sets(graph, 10**6)
    listed = [names(graph, sets.members(i)) for i in range(len(sets))]
    assert len(set(listed)) == len(listed)
    assert set(listed) == set(closed_sets(graph))
    assert listed_bytes(graph, sets) == [bytes_of(graph, edge) for edge in listed]


@given(graphs())
@settings(max_examples=100, deadline=None)
def test_the_limit_is_exact(graph):
    count = len(list_closed_sets(graph, 10**6))
    assert len(list_closed_sets(graph, count)) == count
    if count > 1:
        with pytest.raises(TooManySplitsError, match=f"more than {count - 1}") as caught:
            list_closed_sets(graph, count - 1)
        assert caught.value.max_sets == count - 1


def branches(*lengths, concat_all=False):
    """Parallel branches between two layers; optionally the last layer reads every layer of every branch."""
    layers = [Layer("image", (), 3), Layer("stem", ("image",), 5)]
    ends = []
    for b, length in enumerate(lengths):
        previous = "stem"
        for i in range(length):
            layers.append(Layer(f"b{b}.{i}", (previous,), 7 + 11 * b + i))
            previous = f"b{b}.{i}"
            if concat_all:
                ends.append(previous)
        if not concat_all:
            ends.append(previous)
    layers.append(Layer("join", tuple(ends), 2))
    return LayerGraph(tuple(layers), ("join",))


@pytest.mark.parametrize("concat_all", [False, True])
def test_blocks_longer_than_a_word_of_bits(concat_all):
    graph = branches(75, 70, 1, concat_all=concat_all)
    sets = list_closed_sets(graph, 10**6)
    assert len(sets) == 1 + 1 + (76 * 71 * 2 - 1) + 1
    rng = random.Random(5)
    found = listed_bytes(graph, sets)
    for i in [0, 1, len(sets) - 1, *(rng.randrange(len(sets)) for _ in range(200))]:
        edge = names(graph, sets.members(i))
        assert all(edge.issuperset(layer.inputs) for layer in graph.layers if layer.name in edge)
        assert found[i] == bytes_of(graph, edge)


def test_too_many_sets_are_refused_before_they_are_made():
    wide = branches(*[1] * 200)
    with pytest.raises(TooManySplitsError, match="'b"):
        list_closed_sets(wide, 2_000_000)


def test_a_tensor_read_again_much_later_crosses_all_the_way():
    layers = [Layer("image", (), 1000), Layer("v0", ("image",), 1)]
    layers += [Layer(f"v{i}", (f"v{i - 1}",), 1) for i in range(1, 5)]
    layers.append(Layer("end", ("v4", "image"), 1))
    graph = LayerGraph(tuple(layers), ("end",))
    up = [up for up, _ in listed_bytes(graph, list_closed_sets(graph, 100))]
    assert up == [1000.0] + [1001.0] * 5 + [0.0]
