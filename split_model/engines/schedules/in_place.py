"""Finds the operators that may write their value over their input's.

A functional trace allocates memory for every operator. New memory is not in the caches, and large tensors even cause
page faults; the input's memory is in the caches. So an element-wise operator overwrites its input if nothing else reads
it. This module finds the pairs for which the trace allows that; a schedule uses those whose input is computed in the
same run and has no later reader.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch._ops import OpOverload

from split_model.trace.operators import packet
from split_model.trace.trace import Argument, Node, Ref, Trace, refs_of

__all__ = ["Overwrite", "overwrites"]

_ELEMENTWISE = frozenset(
    f"aten.{name}"
    for name in [
        *("add", "div", "mul", "sub"),
        *("elu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "relu", "sigmoid", "silu", "tanh"),
        *("clamp", "gelu"),
    ]
)
_MAKES_MEMORY = _ELEMENTWISE | frozenset(
    f"aten.{name}"
    for name in [
        *("_native_batch_norm_legit_no_training", "batch_norm", "layer_norm", "native_layer_norm"),
        *("_adaptive_avg_pool2d", "adaptive_avg_pool2d", "avg_pool2d", "max_pool2d"),
        *("addmm", "bmm", "conv1d", "conv2d", "conv3d", "convolution", "linear", "matmul", "mm"),
        *("_to_copy", "cat", "mean", "softmax", "sum"),
    ]
)
"""Operators whose value never shares memory with their arguments. They are listed, because the schema's aliases do not
cover composite operators such as `reshape`."""


@dataclass(frozen=True, slots=True)
class Overwrite:
    """The in-place variant of a node.

    Attributes:
        source: The node whose value is overwritten.
        target: The in-place operator; it takes the arguments of the node's own operator.
    """

    source: int
    target: Callable[..., Argument]


def overwrites(trace: Trace) -> Mapping[int, Overwrite]:
    """The nodes that may overwrite their first argument's value, if it is of the same run and not read later.

    Nodes qualify only if all other readers of that value allocate their own memory, because a view of it would change.

    Args:
        trace: The trace before packing, which replaces operators.
    """
    shared = {ref for node in trace.nodes if not _makes_memory(node) for ref in refs_of((node.args, node.kwargs))}
    found: dict[int, Overwrite] = {}
    for index, node in enumerate(trace.nodes):
        target = _in_place(node)
        if target is None or not isinstance(node.args[0], Ref):
            continue
        source = node.args[0].index
        if source not in shared and _makes_memory(trace.nodes[source]) and trace.nodes[source].specs == node.specs:
            found[index] = Overwrite(source, target)
    return found


def _makes_memory(node: Node) -> bool:
    return packet(node.target) in _MAKES_MEMORY and not node.is_tuple


def _in_place(node: Node) -> Callable[..., Argument] | None:
    if packet(node.target) not in _ELEMENTWISE or not isinstance(node.target, OpOverload):
        return None
    name, overload = node.target._schema.name.removeprefix("aten::"), node.target._overloadname  # noqa: SLF001  # no public name
    return getattr(getattr(torch.ops.aten, f"{name}_", None), overload, None)
