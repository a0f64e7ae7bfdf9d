"""Runs a model's layers one after another, and keeps only the values that later ones read."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from split_model.definition import Definition
from split_model.engines.engine import Part, PartSpec
from split_model.values import Value

__all__ = ["walk"]


def walk(
    definition: Definition, feeds: Mapping[str, Value], part: Callable[[PartSpec], Part]
) -> Iterator[tuple[str, Value]]:
    """Yields every layer that is no input, in graph order, with its value.

    Args:
        definition: The model.
        feeds: The values of its inputs.
        part: Makes the part that is a single layer.
    """
    values = dict(feeds)
    readers = Counter(name for entry in definition.graph.layers for name in entry.inputs)
    for entry in definition.graph.layers:
        if not entry.inputs:
            continue
        value = part(PartSpec(entry.inputs, (entry.name,))).run(values).layers[entry.name]
        values[entry.name] = value
        yield entry.name, value
        readers.subtract(entry.inputs)
        for name in (*entry.inputs, entry.name):
            if readers[name] <= 0:
                values.pop(name, None)
