"""Which operators may write their value over the one they read.

A functional trace allocates for every operator. Memory that was just written is in the caches, fresh memory is not, and
large tensors even come from the kernel page by page. So an element-wise operator overwrites its input where no one can
tell: this file finds the pairs for which the trace allows it, and a schedule takes those in which the input was made by
itself and has no later reader.
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
"""Operators whose value never shares memory with what they read. A list of those known, as the rule for all operators
(no alias in the schema) does not hold for composite ones such as `reshape`."""


@dataclass(frozen=True, slots=True)
class Overwrite:
    """That a node may write over what it reads.

    Attributes:
        source: The node whose value is overwritten.
        target: The operator that does it, with the arguments of the node's own.
    """

    source: int
    target: Callable[..., Argument]


def overwrites(trace: Trace) -> Mapping[int, Overwrite]:
    """The nodes that may write over their first argument's value when it was made in the same run and dies there.

    All other readers of that value must make memory of their own: a view of it would change with it.

    Args:
        trace: With the names of its operators, before packing.
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
