"""Runs a model's layers in blocks, each in one session, and keeps only the values that later blocks read."""

from collections.abc import Callable, Iterator, Mapping

from partitioner import Layer
from split_model.definition import Definition
from split_model.engines.engine import Part, PartSpec
from split_model.parts import tail_spec
from split_model.values import Value

__all__ = ["walk_in_blocks"]

_MOST_LAYERS = 32
_MOST_BYTES = 8 * 2**20


def walk_in_blocks(
    definition: Definition, feeds: Mapping[str, Value], part: Callable[[PartSpec], Part]
) -> Iterator[tuple[str, Value]]:
    """Yields every layer that is no input, in graph order, with its value.

    A session takes longer to make than to run, so one session computes many layers; all their values are held at once,
    which for small networks is most of what an edge ever holds.

    Args:
        definition: The model.
        feeds: The values of its inputs.
        part: Makes a part that is used once.
    """
    values = dict(feeds)
    rest = [entry for entry in definition.graph.layers if entry.inputs]
    while rest:
        block = _block(rest)
        rest = rest[len(block) :]
        names = [entry.name for entry in block]
        values |= part(tail_spec(definition, values.keys(), names, ())).run(values).layers
        for name in names:
            yield name, values[name]
        read = {name for entry in rest for name in entry.inputs}
        values = {name: value for name, value in values.items() if name in read}


def _block(layers: list[Layer]) -> list[Layer]:
    held = 0.0
    block: list[Layer] = []
    for entry in layers[:_MOST_LAYERS]:
        held += entry.output_bytes
        if block and held > _MOST_BYTES:
            break
        block.append(entry)
    return block
