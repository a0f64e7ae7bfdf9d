import random
from graphlib import TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from dads.drawing.folding import Fold, Side, fold
from dads.drawing.modules import by_module
from partitioner import Layer, LayerGraph


def chain(*places):
    """A chain of layers with these places, and the places by their names."""
    names = [f"v{i}" for i in range(len(places))]
    layers = [Layer(name, tuple(names[i - 1 : i]) if i else (), 1) for i, name in enumerate(names)]
    return LayerGraph(tuple(layers), (names[-1],)), dict(zip(names, places, strict=True))


def boxes(graph, places, edge=None, detail=Fold.MODULES):
    return ["+".join(places[name] for name in box.layers) for box in fold(graph, edge, detail, places).boxes]


def deep(blocks, layers):
    return ["image", *(f"body.{b}.{i}" for b in range(blocks) for i in range(layers)), "head.a", "head.b"]


def test_modules_are_opened_as_far_as_a_page_holds():
    graph, places = chain(*deep(6, 20))
    found = boxes(graph, places)
    assert found[0] == "image"
    assert found[1:7] == ["+".join(f"body.{b}.{i}" for i in range(20)) for b in range(6)]
    assert found[7:] == ["head.a", "head.b"], "a module that fits is open though a larger one is not"
    assert boxes(graph, places, detail=Fold.AUTO) == found


def test_neighbours_are_joined_where_there_are_too_many_outermost_modules():
    graph, places = chain(*(f"conv{i}" for i in range(20)), *(f"body.{i}" for i in range(30)), *"abcdefgh")
    found = [box.count("+") + 1 for box in boxes(graph, places, detail=Fold.AUTO)]
    assert sum(found) == 58
    assert len(found) == 24, "no more is joined than is needed"
    assert 30 in found, "the smallest are joined, not the module"


def test_a_module_that_does_not_fit_in_parts_is_one_box():
    graph, places = chain(*deep(30, 1))
    assert boxes(graph, places)[1] == "+".join(f"body.{b}.0" for b in range(30))


def test_a_module_that_is_cut_is_two_boxes():
    graph, places = chain(*(f"body.{i}" for i in range(30)))
    edge = frozenset(f"v{i}" for i in range(10))
    assert [len(box.split("+")) for box in boxes(graph, places, edge)] == [10, 20]


def test_what_passes_through_another_module_stays_apart():
    graph, places = chain(*(f"{module}.{i}" for module in "aba" for i in range(25)))
    assert [len(box.split("+")) for box in boxes(graph, places)] == [25, 25, 25]


@st.composite
def placed(draw):
    rng = random.Random(draw(st.integers(0, 2**32)))
    count = rng.randint(1, 16)
    layers = tuple(
        Layer(f"v{i}", tuple(f"v{j}" for j in sorted(rng.sample(range(i), rng.randint(min(1, i), min(3, i))))), 1)
        for i in range(count)
    )
    places = [".".join(rng.choice("ab") for _ in range(rng.randint(1, 3))) for _ in range(count)]
    return LayerGraph(layers, (layers[-1].name,)), places, [rng.choice(list(Side)) for _ in range(count)]


@given(placed(), st.integers(1, 16))
def test_boxes_hold_one_side_and_form_no_cycle(drawn, most):
    graph, places, sides = drawn
    group = by_module(graph, sides, places, most, lambda group: len(set(group)) <= most)
    assert all(sides[v] == sides[first] for v, first in enumerate(group))
    read = {first: set() for first in group}
    for v, sources in enumerate(graph.structure.predecessors):
        read[group[v]] |= {group[u] for u in sources} - {group[v]}
    assert len(list(TopologicalSorter(read).static_order())) == len(set(group))
