"""The cuts that edges are likely to choose: the server prepares their tails before anyone asks.

Of the cuts that follow the order of the graph, one that sends as many bytes as an earlier one is never better on an
edge that is slower than the cloud: it computes more there and sends no less. So those are left that send less than
every earlier one. Wide models have other good cuts, too; they are prepared when they are first asked for.
"""

from collections import Counter
from collections.abc import Iterator

from partitioner import LayerGraph
from split_model import Model, PartSpec, Preparation
from split_model.parts import crossing, remote_outputs, tail_spec

__all__ = ["likely_tails", "prepare_likely"]

MOST = 12
"""Tails of one model that are prepared unasked, because each takes memory."""


def likely_tails(model: Model) -> list[PartSpec]:
    """The tails of these cuts: the whole model's first, then those that send least."""
    names = [layer.name for layer in model.graph.layers]
    inputs = frozenset(layer.name for layer in model.graph.layers if not layer.inputs)
    whole, *others = (inputs.union(names[:count]) for count in _falling(model.graph))
    tails = (_tail(model, edge) for edge in (whole, *reversed(others)))
    return list(dict.fromkeys(tail for tail in tails if tail.outputs))[:MOST]


def prepare_likely(model: Model) -> None:
    """Lets the engine prepare these tails; returns when the whole model's can run, so that every edge is answered."""
    specs = likely_tails(model)
    model.engine.prefer(specs)
    if model.engine.preparation is Preparation.AWAITED:
        model.engine.prepare(specs[:1])


def _falling(graph: LayerGraph) -> Iterator[int]:
    """How many first layers run on the edge, inputs besides: 0, and then those numbers where fewer bytes are sent."""
    readers = Counter(name for layer in graph.layers for name in layer.inputs)
    size = {layer.name: layer.output_bytes for layer in graph.layers}
    sent = least = sum(layer.output_bytes for layer in graph.layers if not layer.inputs)
    yield 0
    for count, layer in enumerate(graph.layers, 1):
        if not layer.inputs:
            continue
        sent += size[layer.name] if readers[layer.name] else 0
        readers.subtract(layer.inputs)
        sent -= sum(size[name] for name in layer.inputs if not readers[name])
        if sent < least:
            least = sent
            yield count


def _tail(model: Model, edge: frozenset[str]) -> PartSpec:
    definition = model.definition
    return tail_spec(definition, crossing(definition, edge), (), remote_outputs(definition, edge))
