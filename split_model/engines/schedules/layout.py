"""Finds the values that are channels last in memory in a run of a model with packed convolutions.

Received values are row-major. With row-major feeds a tail would mix both layouts, and pooling, concatenation and
addition would be slow: tails of GoogLeNet took up to twice the time that their layers take in the whole model. So feeds
are converted to the layout that they have in a run of the whole model.
"""

from split_model.engines.schedules.packing import run_convolution
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
"""Operators whose value has the layout of their argument."""


def channels_last(packed: Trace) -> frozenset[int]:
    """The nodes whose value is channels last in a run of the whole model.

    Args:
        packed: A trace from `split_model.engines.schedules.packing.pack`.
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
