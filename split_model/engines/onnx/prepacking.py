"""Which nodes are faster if ONNX Runtime reorders their weights for an operator when a session begins.

It does so in memory of the session's own, and reads all weights for it. A product with a single row, such as that of a
classifier behind pooling, gains nothing, and its weights are most of those of many convolutional networks. Convolutions
are reordered earlier, when a part is fused, and that is in the file of packed weights.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from split_model.definition import Definition
from split_model.engines.onnx.names import tensor_names

__all__ = ["LARGE_BYTES", "prepacking"]

LARGE_BYTES = 4096
"""Smaller weights do not count; they are kept inside a fused part, too."""

_PRODUCTS = frozenset({"Gemm", "MatMul"})
_NEVER = frozenset(
    {
        *("Conv", "Add", "Sub", "Mul", "Div", "Pow", "Where", "PRelu", "Gather", "Concat", "Reshape", "Expand", "Pad"),
        *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization"),
    }
)
"""Operators whose weights the runtime leaves as they are."""


def prepacking(nodes: Sequence[Any], weight_bytes: Mapping[str, int], definition: Definition) -> frozenset[int]:
    """The positions of these nodes.

    Args:
        nodes: The nodes of a network.
        weight_bytes: Bytes of each weight.
        definition: The model, for the sizes of values.
    """
    single = {
        name
        for layer, specs in definition.layer_specs.items()
        for name, spec in zip(tensor_names(layer, len(specs)), specs, strict=True)
        if all(size == 1 for size in spec.shape[:-1])
    }
    return frozenset(
        position
        for position, node in enumerate(nodes)
        if node.op_type not in _NEVER
        and any(weight_bytes.get(name, 0) >= LARGE_BYTES for name in node.input)
        and not (node.op_type in _PRODUCTS and node.output[0] in single)
    )
