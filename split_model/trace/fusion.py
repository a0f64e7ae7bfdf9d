"""Fusion: a batch norm is merged into the convolution before it, if nothing else reads the convolution's value.

In evaluation a batch norm is a scale and a shift for each channel, which can be part of the convolution's weights and
bias; this saves a pass over memory. The merged weights are rounded once more, so results are not bit-identical to the
original's; they stay within the tolerance of verification.
"""

from collections import Counter
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from split_model.trace.folding import compact
from split_model.trace.operators import packet
from split_model.trace.trace import Argument, Node, Ref, Trace, refs_of

__all__ = ["fuse"]

_CONVOLUTIONS = frozenset({"aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution"})
_EPSILON_AT = {"aten._native_batch_norm_legit_no_training": 6, "aten.batch_norm": 7}
_DTYPES = frozenset({torch.float32, torch.float64})  # in half precision the rounding error would be visible


@dataclass(frozen=True, slots=True)
class _Norm:
    """A batch norm in evaluation.

    Attributes:
        source: The node that it reads.
        scale: The factor for each channel, in float64.
        shift: The summand for each channel, in float64.
    """

    source: int
    scale: Tensor
    shift: Tensor


def fuse(trace: Trace) -> Trace:
    """Merges each batch norm into the convolution that it reads, if nothing else reads the convolution's value.

    The merged convolution gets the batch norm's place and name, because it computes the batch norm's value.

    Args:
        trace: Folded and pruned.
    """
    readers = Counter(refs_of(trace.outputs))
    for node in trace.nodes:
        readers.update(refs_of((node.args, node.kwargs)))
    nodes = list(trace.nodes)
    for index, node in enumerate(trace.nodes):
        norm = _norm(node)
        if norm is not None and readers[norm.source] == 1:
            nodes[index] = _fused(node, nodes[norm.source], norm) or node
    return compact(replace(trace, nodes=tuple(nodes)))


def _norm(node: Node) -> _Norm | None:
    position = _EPSILON_AT.get(packet(node.target))
    if position is None or len(node.args) <= position or not isinstance(node.args[0], Ref) or node.is_tuple:
        return None
    if packet(node.target) == "aten.batch_norm" and node.args[5]:  # in training: uses the batch's mean and deviation
        return None
    weight, bias, mean, variance = node.args[1:5]
    if not (isinstance(mean, Tensor) and isinstance(variance, Tensor)):
        return None
    if not (_is_constant(weight) and _is_constant(bias)):
        return None
    scale = torch.rsqrt(variance.double() + node.args[position])
    if weight is not None:
        scale = scale * weight.double()
    shift = -mean.double() * scale
    if bias is not None:
        shift = shift + bias.double()
    return _Norm(node.args[0].index, scale, shift)


def _fused(norm_node: Node, convolution: Node, norm: _Norm) -> Node | None:
    if packet(convolution.target) not in _CONVOLUTIONS or convolution.kwargs or _is_transposed(convolution):
        return None
    source, weight, *rest = convolution.args
    bias = rest[0] if rest else None
    if not isinstance(weight, Tensor) or weight.dtype not in _DTYPES or not _is_constant(bias):
        return None
    channels = (-1, *(1,) * (weight.ndim - 1))
    folded = (weight.double() * norm.scale.reshape(channels)).to(weight.dtype)
    shift = norm.shift if bias is None else norm.shift + bias.double() * norm.scale
    moved = shift.to(weight.dtype)
    if not (folded.isfinite().all() and moved.isfinite().all()):
        return None
    return replace(convolution, name=norm_node.name, args=(source, folded.detach(), moved.detach(), *rest[1:]))


def _is_transposed(convolution: Node) -> bool:
    return packet(convolution.target) == "aten.convolution" and bool(convolution.args[6])


def _is_constant(argument: Argument) -> bool:
    return argument is None or isinstance(argument, Tensor)
