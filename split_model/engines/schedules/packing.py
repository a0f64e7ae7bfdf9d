"""Packing: reorders weights for oneDNN's kernels once at load, instead of at every call.

PyTorch's convolution reorders its weights for the chosen kernel at each call. With one image at a time that takes a
fifth to a half of the time of most networks. The packed operators are those that torch.compile uses for a frozen model.
A packed convolution returns its value channels last, whatever the layout of its input. So activations stay in this
layout, which is the fastest for these kernels, until they leave the schedule.

Only the operators' targets and constants change: layers, names, shapes and dtypes stay, and ordinary tensors cross a
cut. If the packed operators are missing or their results differ from the plain ones', the trace is not changed.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from split_model.specs import TensorSpec
from split_model.trace.operators import STRIDE_READING, packet
from split_model.trace.trace import Argument, Node, Ref, Trace

__all__ = ["pack"]


def pack(trace: Trace, device: torch.device) -> Trace:
    """Replaces convolutions and linear layers by packed ones, if the device is a CPU and they are available.

    Args:
        trace: A fused trace; its constants are on `device`.
        device: The device that the model will run on.

    Returns:
        A trace for running only, because the passes do not know the packed operators.
    """
    if device.type != "cpu" or not _usable():
        return trace
    if any(packet(node.target) in STRIDE_READING for node in trace.nodes):
        return trace
    return replace(trace, nodes=tuple(_packed(node, trace) for node in trace.nodes))


def _packed(node: Node, trace: Trace) -> Node:
    make = _MAKERS.get(str(node.target))
    if make is None or node.kwargs or not isinstance(node.args[0], Ref):
        return node
    spec = trace.nodes[node.args[0].index].specs[0]
    constants = node.args[1:3]
    if spec is None or spec.elements == 0 or not all(part is None or isinstance(part, Tensor) for part in constants):
        return node
    if any(part is not None and part.dtype is not torch.float32 for part in constants):
        return node
    return make(node, spec)


def _convolution(node: Node, spec: TensorSpec) -> Node:
    given: tuple[Any, ...] = (*node.args, *_CONVOLUTION_DEFAULTS[len(node.args) :])
    source, weight, bias, stride, padding, dilation, groups = given
    if len(spec.shape) != 4:
        return node
    sizes = tuple(_pair(size) for size in (padding, stride, dilation))
    return _with_packed_weight(
        node,
        lambda: torch.ops.mkldnn._reorder_convolution_weight(  # noqa: SLF001  # as torch.compile calls it
            weight.detach(), *sizes, groups, list(spec.sizes)
        ),
        run_convolution,
        lambda packed: (source, packed, bias, *sizes, groups),
    )


def _linear(node: Node, spec: TensorSpec) -> Node:
    source, weight, bias = (*node.args, None)[:3]
    rows = prod(spec.sizes[:-1])
    if rows < 2:  # with one row each weight is read once, so packing gains nothing and would copy the weights
        return node
    return _with_packed_weight(
        node,
        lambda: torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows),  # noqa: SLF001  # likewise
        run_linear,
        lambda packed: (source, packed, bias),
    )


def _with_packed_weight(
    node: Node,
    reorder: Callable[[], Tensor],
    target: Callable[..., Tensor],
    arguments: Callable[[Tensor], tuple[Argument, ...]],
) -> Node:
    try:
        packed = reorder()
    except RuntimeError:  # the kernels do not support this shape
        return node
    return replace(node, target=target, args=arguments(packed))


_MAKERS: dict[str, Callable[[Node, TensorSpec], Node]] = {
    "aten.conv2d.default": _convolution,
    "aten.linear.default": _linear,
}
_CONVOLUTION_DEFAULTS: tuple[Any, ...] = (None, None, None, [1, 1], [0, 0], [1, 1], 1)


def run_convolution(
    source: Tensor,
    packed: Tensor,
    bias: Tensor | None,
    padding: list[int],
    stride: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    """A convolution with packed weights."""
    return torch.ops.mkldnn._convolution_pointwise(  # type: ignore[no-any-return]  # noqa: SLF001  # likewise
        source, packed, bias, padding, stride, dilation, groups, "none", [], ""
    )


def run_linear(source: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """A linear layer with packed weights."""
    return torch.ops.mkldnn._linear_pointwise(  # type: ignore[no-any-return]  # noqa: SLF001  # likewise
        source, packed, bias, "none", [], ""
    )


def _pair(size: int | list[int]) -> list[int]:
    sizes = [size] if isinstance(size, int) else list(size)
    return sizes * 2 if len(sizes) == 1 else sizes


@cache
def _usable() -> bool:
    """Whether the packed operators are available and return the same results as the plain ones."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch's
        return False
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 8, 9, 9, generator=generator)
    kernel = torch.randn(16, 8, 3, 3, generator=generator)
    rows, matrix = torch.randn(3, 8, generator=generator), torch.randn(16, 8, generator=generator)
    try:
        with torch.inference_mode():
            packed = torch.ops.mkldnn._reorder_convolution_weight(kernel, [1, 1], [1, 1], [1, 1], 1, [1, 8, 9, 9])  # noqa: SLF001  # likewise
            convolved = run_convolution(image, packed, None, [1, 1], [1, 1], [1, 1], 1)
            packed = torch.ops.mkldnn._reorder_linear_weight(matrix, 3)  # noqa: SLF001  # likewise
            multiplied = run_linear(rows, packed, None)
            expected = torch.conv2d(image, kernel, None, 1, 1), rows @ matrix.T
    except (AttributeError, RuntimeError):
        return False
    return torch.allclose(convolved, expected[0], atol=1e-4) and torch.allclose(multiplied, expected[1], atol=1e-4)
