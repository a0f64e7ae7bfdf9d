"""Reduces an exported network to what it computes: no constants to work out, no unused nodes, no equal weights.

These are onnxscript's own passes. What they cannot do is look past a mark.
"""

import logging
from math import prod

import numpy as np
import onnx_ir
from onnx_ir.passes import common
from onnxscript.optimizer import fold_constants

__all__ = ["reduce"]


def reduce(network: onnx_ir.Model) -> None:
    """Folds constants, and drops what is not needed; also texts, which name places in source files."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # these passes log what they leave alone
    try:
        common.InlinePass()(network)
        fold_constants(network, onnx_shape_inference=True, should_fold=_moves_weights)
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(network)
        common.RemoveUnusedNodesPass()(network)
        _lay_out(network.graph)
        common.DeduplicateHashedInitializersPass()(network)
        common.ClearMetadataAndDocStringPass()(network)
    finally:
        logging.disable(level)


def _lay_out(graph: onnx_ir.Graph) -> None:
    """Copies weights that are views of others into row-major order, as the next pass and the file want them."""
    for value in graph.initializers.values():
        array = None if value.const_value is None else value.const_value.numpy()
        if array is not None and not array.flags.c_contiguous:
            value.const_value = onnx_ir.tensor(np.ascontiguousarray(array), name=value.name)


def _moves_weights(node: onnx_ir.Node) -> bool | None:
    """Whether a node only turns large weights that nobody else reads; `None` leaves it to onnxscript's limits."""
    if node.op_type not in {"Transpose", "Reshape", "Unsqueeze", "Squeeze", "Cast"} or not node.inputs:
        return None
    (source, made) = node.inputs[0], node.outputs[0]
    if source is None or source.const_value is None or len(list(source.uses())) != 1:
        return None
    sizes = made.shape.numpy() if made.shape is not None and made.shape.is_static() else None
    return True if sizes is not None and prod(sizes) >= source.const_value.size else None
