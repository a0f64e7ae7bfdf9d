"""Which values lie channels last in memory while a model with packed convolutions runs.

Values that arrive from elsewhere are row-major. Fed as they are, a tail would mix both layouts, and pooling, joining
and adding would take the slow way: tails of GoogLeNet took up to twice what their layers take in the whole model.
"""

from split_model.engines.packing import run_convolution
from split_model.trace.operators import packet
from split_model.trace.trace import Node, Trace, refs_of

__all__ = ["channels_last"]

_KEEPS = frozenset(
    f"aten.{name}"
    for name in [
        *("_native_batch_norm_legit_no_training", "batch_norm"),
        *("adaptive_avg_pool2d", "avg_pool2d", "max_pool2d"),
        *("add", "cat", "clamp", "div", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu"),
        *("mish", "mul", "relu", "sigmoid", "silu", "sub", "tanh"),
    ]
)
"""Operators that lay their value out as what they read."""


def channels_last(packed: Trace) -> frozenset[int]:
    """Nodes whose value is channels last in a run of the whole model.

    Args:
        packed: As `split_model.engines.packing.pack` returns it.
    """
    found: set[int] = set()
    for index, node in enumerate(packed.nodes):
        if node.target is run_convolution:
            found.add(index)
        elif packet(node.target) in _KEEPS and _is_image(node):
            images = [ref for ref in refs_of((node.args, node.kwargs)) if _is_image(packed.nodes[ref])]
            if images and found.issuperset(images):
                found.add(index)
    return frozenset(found)


def _is_image(node: Node) -> bool:
    return len(node.specs) == 1 and node.specs[0] is not None and len(node.specs[0].shape) == 4
