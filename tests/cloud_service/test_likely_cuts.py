"""Which tails a server prepares unasked, and which of them it waits for."""

from types import SimpleNamespace

import pytest

import split_model
from cloud_service.likely_cuts import MOST, likely_tails, prepare_likely
from partitioner import Layer, LayerGraph
from split_model.parts import crossing

# x -> a, of many bytes; a -> b -> c beside a; their sum is a little smaller than x; the result is small.
RESIDUAL = (
    Layer("x", (), 100),
    Layer("a", ("x",), 400),
    Layer("b", ("a",), 50),
    Layer("c", ("b",), 50),
    Layer("sum", ("a", "c"), 90),
    Layer("same", ("sum",), 90),
    Layer("small", ("same",), 10),
    Layer("out", ("small",), 4),
)


def model_of(layers, output):
    """What the module needs of a model: it computes nothing."""
    definition = SimpleNamespace(
        graph=LayerGraph(layers, (output,)),
        layer_specs={layer.name: () for layer in layers},
        outputs=SimpleNamespace(specs=(split_model.ValueSpec("out", output, "uint8", (1,)),)),
    )
    return SimpleNamespace(graph=definition.graph, definition=definition)


def test_the_whole_model_is_first_and_then_what_sends_least():
    tails = likely_tails(model_of(RESIDUAL, "out"))
    assert [tail.feeds for tail in tails] == [("x",), ("small",), ("sum",)]
    assert {tail.outputs for tail in tails} == {("out",)}


def test_what_is_sent_beside_the_last_layer_counts():
    """After b, which is small, the edge would have to send a too."""
    model = model_of(RESIDUAL, "out")
    assert crossing(model.definition, frozenset("xab")) == ("a", "b")
    assert ("a", "b") not in {tail.feeds for tail in likely_tails(model)}


def test_no_more_than_a_few_are_prepared():
    chain = [Layer("l0", (), 1000)]
    chain += [Layer(f"l{n}", (f"l{n - 1}",), 1000 - n) for n in range(1, 50)]
    tails = likely_tails(model_of(tuple(chain), "l49"))
    assert len(tails) == MOST
    assert [tail.feeds for tail in tails[:3]] == [("l0",), ("l48",), ("l47",)]


@pytest.mark.parametrize(
    ("preparation", "awaited"),
    [
        (split_model.Preparation.NONE, 0),
        (split_model.Preparation.BRIDGED, 0),  # another engine answers meanwhile
        (split_model.Preparation.AWAITED, 1),
    ],
)
def test_only_the_whole_model_is_waited_for(model, preparation, awaited):
    model.engine.preparation = preparation
    model.engine.sessions.set()
    prepare_likely(model)
    assert model.engine.preferred == likely_tails(model)
    assert model.engine.ready == set(model.engine.preferred[:awaited])
