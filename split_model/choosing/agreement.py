"""How far one engine's answers are from another's, relative to the largest element of each output.

What a rest makes of a trunk's values jumps where they differ by rounding (boxes are suppressed or not), so the trunk is
compared first, and then the rest on the same values.
"""

from collections.abc import Callable, Iterator, Mapping
from math import inf

import numpy as np

from split_model.definition import Definition
from split_model.engines.engine import Part, PartSpec, Results
from split_model.parts import tail_spec
from split_model.values import Array, Value

__all__ = ["PartMaker", "deviation", "whole_parts"]

PartMaker = Callable[[PartSpec], Part]


def whole_parts(definition: Definition) -> list[PartSpec]:
    """The parts that make up the whole model: itself, or its trunk and its rest."""
    graph = definition.graph
    inputs = tuple(entry.name for entry in graph.layers if not entry.inputs)
    outputs = tuple(spec.path for spec in definition.outputs.specs if spec.layer is not None)
    if definition.rest is None:
        return [tail_spec(definition, inputs, (), outputs)]
    taken = next(entry.inputs for entry in graph.layers if entry.name == definition.rest)
    return [tail_spec(definition, inputs, taken, ()), tail_spec(definition, taken, (), outputs)]


def deviation(definition: Definition, feeds: Mapping[str, Value], wanted: PartMaker, found: PartMaker) -> float:
    """The largest deviation of any value; infinite for another shape or another integer.

    Args:
        definition: The model.
        feeds: The values of its inputs.
        wanted: Makes parts of the engine whose answers count as right.
        found: Makes parts of the engine that is compared.
    """
    values, worst = dict(feeds), 0.0
    for spec in whole_parts(definition):
        right, other = wanted(spec).run(values), found(spec).run(values)
        worst = max(worst, *(_off_by(*pair) for pair in _pairs(right, other)))
        values |= right.layers
    return worst


def _pairs(right: Results, other: Results) -> Iterator[tuple[Array, Array]]:
    for path, array in right.outputs.items():
        yield array, other.outputs[path]
    for name, value in right.layers.items():
        yield from zip(_arrays(value), _arrays(other.layers[name]), strict=True)


def _arrays(value: Value) -> tuple[Array, ...]:
    return value if isinstance(value, tuple) else (value,)


def _off_by(right: Array, other: Array) -> float:
    if (right.dtype, right.shape) != (other.dtype, other.shape):
        return inf
    if not np.issubdtype(right.dtype, np.floating):
        return 0.0 if np.array_equal(right, other) else inf
    finite = np.isfinite(right)
    odd = ~finite
    if not np.array_equal(finite, np.isfinite(other)) or not np.array_equal(right[odd], other[odd], equal_nan=True):
        return inf
    one, two = (array[finite].astype(np.float64) for array in (right, other))
    worst = float(np.abs(one - two).max(initial=0.0))
    if worst <= float(np.finfo(right.dtype.name).tiny):
        return 0.0
    scale = float(np.abs(one).max(initial=0.0))
    return worst / scale if scale else inf
