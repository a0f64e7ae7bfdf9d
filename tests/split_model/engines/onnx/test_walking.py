from types import SimpleNamespace

import numpy as np

from partitioner import Layer, LayerGraph
from split_model.engines.engine import Results
from split_model.engines.onnx.walking import walk_in_blocks


class Added:
    """Each layer is the sum of its inputs plus one."""

    def __init__(self, definition, spec, log):
        self._definition, self._spec, self._log = definition, spec, log

    def run(self, feeds):
        self._log.append((self._spec, set(feeds)))
        values = {name: feeds[name] for name in self._spec.feeds}
        for entry in self._definition.graph.layers:
            if entry.name in self._spec.layers:
                values[entry.name] = sum(values[name] for name in entry.inputs) + 1
        return Results({name: values[name] for name in self._spec.layers}, {})


def _chain(layers, size=1):
    entries = [Layer("x", (), size)]
    for i in range(layers):
        entries.append(Layer(f"l{i}", (entries[-1].name,), size))  # each reads the one before
    entries.append(Layer("end", ("x", entries[-1].name), size))
    graph = LayerGraph(tuple(entries), ("end",))
    return SimpleNamespace(
        graph=graph, layer_specs=dict.fromkeys(entry.name for entry in entries), outputs=SimpleNamespace(specs=())
    )


def _walk(definition):
    log = []
    found = walk_in_blocks(definition, {"x": np.zeros(1)}, lambda spec: Added(definition, spec, log))
    return {name: float(value[0]) for name, value in found}, log


def test_values_pass_from_block_to_block_and_only_those_that_are_read():
    values, log = _walk(_chain(70))
    assert values == {**{f"l{i}": i + 1.0 for i in range(70)}, "end": 71.0}
    assert [held for _, held in log] == [{"x"}, {"x", "l31"}, {"x", "l63"}]


def test_blocks_of_large_values_are_shorter():
    _, log = _walk(_chain(10, 5 * 2**19))
    assert [len(spec.layers) for spec, _ in log] == [3, 3, 3, 2]


def test_a_value_larger_than_a_block_is_a_block():
    _, log = _walk(_chain(3, 2**30))
    assert [len(spec.layers) for spec, _ in log] == [1, 1, 1, 1]
