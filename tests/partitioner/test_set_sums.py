import math

from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import graphs

from partitioner import Layer, LayerGraph
from partitioner.listing import list_closed_sets
from partitioner.set_sums import inside_and_outside


@given(graphs(), st.data())
@settings(max_examples=200, deadline=None)
def test_sums_are_correctly_rounded(graph, data):
    number = st.one_of(st.sampled_from([0.0, 0.1, 100.0]), st.floats(1e-9, 1e3))
    numbers = data.draw(st.lists(number, min_size=len(graph), max_size=len(graph)))
    sets = list_closed_sets(graph, 10**6)
    inside, outside = inside_and_outside(sets, numbers)
    for i in range(len(sets)):
        members = sets.members(i)
        assert inside[i] == math.fsum(numbers[j] for j in members)
        assert outside[i] == math.fsum(numbers[j] for j in range(len(graph)) if j not in members)


def test_a_microsecond_beside_a_century():
    # Both branches lie in one block, where what is outside is a difference.
    layers = (Layer("image", (), 0), Layer("slow", ("image",), 0), Layer("fast", ("image",), 0))
    sets = list_closed_sets(LayerGraph(layers, ("slow", "fast")), 10)
    _, outside = inside_and_outside(sets, [0.0, 3.1e9, 1e-6])
    assert 1e-6 in outside.tolist()
