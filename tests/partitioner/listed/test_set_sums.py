import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import closed_sets, graphs

from partitioner import Layer, LayerGraph
from partitioner.listed import set_sums
from partitioner.listed.listing import list_closed_sets
from partitioner.listed.set_sums import crossing, crossing_each, inside_and_outside

NUMBERS = st.one_of(st.sampled_from([0.0, 0.1, 100.0]), st.floats(1e-9, 1e3))


@given(graphs(), st.data())
@settings(max_examples=200, deadline=None)
def test_sums_are_correctly_rounded(graph, data):
    numbers = data.draw(st.lists(NUMBERS, min_size=len(graph), max_size=len(graph)))
    sets = list_closed_sets(graph, 10**6)
    inside, outside = inside_and_outside(sets, numbers)
    for i in range(len(sets)):
        members = sets.members(i)
        assert inside[i] == math.fsum(numbers[j] for j in members)
        assert outside[i] == math.fsum(numbers[j] for j in range(len(graph)) if j not in members)


def crossing_names(graph, edge):
    return {name for layer in graph.layers if layer.name not in edge for name in layer.inputs if name in edge}


@given(graphs(), st.data())
@settings(max_examples=300, deadline=None)
def test_sums_over_what_crosses_are_correctly_rounded(graph, data):
    numbers = data.draw(st.lists(NUMBERS, min_size=len(graph), max_size=len(graph)))
    number = dict(zip((layer.name for layer in graph.layers), numbers, strict=True))
    sets = list_closed_sets(graph, 10**6)
    sums = crossing(sets, numbers)
    found = {frozenset(graph.layers[j].name for j in sets.members(i)): sums[i] for i in range(len(sets))}
    assert found == {
        edge: math.fsum(number[name] for name in crossing_names(graph, edge)) for edge in closed_sets(graph)
    }


@given(graphs(), st.data(), st.sampled_from([1, 2_000_000]))
@settings(max_examples=100, deadline=None)
def test_many_rows_are_added_up_as_each_of_them_is(graph, data, floats):
    """Also where they are too many to be added up at once."""
    row = st.one_of(st.just([0.0] * len(graph)), st.lists(NUMBERS, min_size=len(graph), max_size=len(graph)))
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    sets = list_closed_sets(graph, 10**6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_sums, "_FLOATS", floats)
        found = crossing_each(sets, rows)
    assert found.tolist() == [crossing(sets, each).tolist() for each in rows]


def test_ten_thousand_layers_one_after_the_other():
    count = 10_000
    layers = [Layer("v0", (), 0), *(Layer(f"v{i}", (f"v{i - 1}",), 0) for i in range(1, count))]
    sets = list_closed_sets(LayerGraph(tuple(layers), ("v9999",)), count)
    numbers = [100.0 / (i + 1) ** 2 for i in range(count)]
    inside, outside = inside_and_outside(sets, numbers)
    assert inside[::99].tolist() == [math.fsum(numbers[: i + 1]) for i in range(0, count, 99)]
    assert outside[-100:].tolist() == [math.fsum(numbers[i + 1 :]) for i in range(count - 100, count)]
    assert crossing(sets, numbers).tolist() == [*numbers[:-1], 0.0]


def test_nothing_left_is_nothing():
    """A tenth, two tenths and three tenths begin and stop to cross."""
    layers = (Layer("image", (), 0), Layer("a", ("image",), 0), Layer("b", ("a", "image"), 0), Layer("c", ("b",), 0))
    sets = list_closed_sets(LayerGraph(layers, ("c",)), 100)
    assert crossing(sets, [0.1, 0.2, 0.3, 0.4]).tolist() == [0.1, 0.1 + 0.2, 0.3, 0.0]


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1.0, 1e300])
def test_numbers_of_any_size(scale):
    layers = (Layer("image", (), 0), Layer("a", ("image",), 0), Layer("b", ("image",), 0))
    sets = list_closed_sets(LayerGraph(layers, ("a", "b")), 100)
    inside, outside = inside_and_outside(sets, [0.0, scale, 3 * scale])
    assert sorted(inside.tolist()) == [0.0, scale, 3 * scale, 4 * scale]
    assert (inside + outside == 4 * scale).all()


def test_a_microsecond_beside_a_century():
    # Both branches lie in one block, where what is outside is a difference.
    layers = (Layer("image", (), 0), Layer("slow", ("image",), 0), Layer("fast", ("image",), 0))
    sets = list_closed_sets(LayerGraph(layers, ("slow", "fast")), 10)
    _, outside = inside_and_outside(sets, [0.0, 3.1e9, 1e-6])
    assert 1e-6 in outside.tolist()
