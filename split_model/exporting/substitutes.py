"""Operators that are exported as others, because ONNX Runtime rounds their own form otherwise, or runs it slowly."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from split_model.trace.operators import packet
from split_model.trace.trace import Argument, Node

__all__ = ["substitute_of"]

Operator = Callable[..., Argument]


def substitute_of(node: Node) -> Operator | None:
    """What is called in place of a node's operator, with the same arguments; `None` for the operator itself."""
    make = _SUBSTITUTES.get(packet(node.target))
    return None if make is None else make(node)


def _select_scatter(node: Node) -> Operator | None:
    """A picture put into a batch of one, as detectors do: the exporter would scatter its elements one by one."""
    dimension = node.args[2] if len(node.args) == 4 else 0
    if node.kwargs or node.specs[0] is None or node.specs[0].shape[dimension] != 1:
        return None
    return lambda *arguments: arguments[1].unsqueeze(dimension)


def _upsample_bilinear2d(node: Node) -> Operator | None:
    """Where the scale is no exact number: ONNX Runtime divides by it, torch multiplies by its inverse."""
    size, scales = node.args[1], node.args[3:]
    if node.kwargs or node.args[2] or not isinstance(size, Sequence) or any(scale is not None for scale in scales):
        return None

    def resized(source: Tensor, *_: object) -> Tensor:
        if all(after % before == 0 for before, after in zip(source.shape[-2:], size, strict=True)):
            return torch.ops.aten.upsample_bilinear2d.default(source, size, False)  # type: ignore[no-any-return]
        return _between(_between(source, -2, size[0]), -1, size[1])

    return resized


def _between(source: Tensor, dimension: int, count: int) -> Tensor:
    """Resizes one dimension, at the places that torch computes: in float32, rounded once after the subtraction."""
    last = source.shape[dimension] - 1
    scale = torch.tensor(source.shape[dimension] / count, dtype=torch.float32).double()
    places = (scale * (torch.arange(count, dtype=torch.float64) + 0.5) - 0.5).float().clamp(min=0)
    before = places.to(torch.int64).clamp(max=last)
    share = (places - before).to(source.dtype).reshape(-1, *(1,) * (-dimension - 1))
    low = source.index_select(dimension, before)
    high = source.index_select(dimension, (before + 1).clamp(max=last))
    return low * (1 - share) + high * share


def _floor_divide(node: Node) -> Operator | None:
    """As torch divides floats: exactly, where the rounded quotient may lie on the other side of an integer."""
    (spec,) = node.specs
    is_floor = packet(node.target) == "aten.floor_divide" or node.kwargs.get("rounding_mode") == "floor"
    if spec is None or not is_floor or not spec.dtype.startswith("float"):
        return None
    dtype = getattr(torch, spec.dtype)

    def divided(one: Argument, other: Argument, **_: object) -> Tensor:
        above, below = _as_tensor(one, dtype), _as_tensor(other, dtype)
        left = torch.fmod(above, below)
        quotient = (above - left) / below
        crosses = (left != 0) & ((below < 0) != (left < 0))
        quotient = quotient - crosses.to(dtype)
        down = quotient.floor()
        down = down + (quotient - down > 0.5).to(dtype)
        return torch.where(below == 0, above / below, down)

    return divided


def _atan2(node: Node) -> Operator | None:
    """With the half turn of a point left of the origin, also where its height is zero: the exporter's has another sign.

    Infinite points lie on an axis or a diagonal.
    """
    if node.kwargs:
        return None

    def angle(y: Tensor, x: Tensor) -> Tensor:
        is_corner = y.isinf() & x.isinf()
        y, x = torch.where(is_corner, y.sign(), y), torch.where(is_corner, x.sign(), x)
        near = torch.where((y == 0) & (x == 0), y, (y / x).atan())
        turn = torch.where(_is_negative(y), -torch.pi, torch.pi).to(near.dtype)
        return torch.where(_is_negative(x), near + turn, near)

    return angle


def _reduction(node: Node) -> Operator | None:
    """Of no elements, where ONNX Runtime says zero or true."""
    (spec,) = node.specs
    if spec is None or None in spec.shape:
        return None
    nothing, target = _OF_NOTHING[packet(node.target)], cast("Operator", node.target)

    def reduced(source: Tensor, *arguments: Argument, **named: Argument) -> Argument:
        if source.numel():
            return target(source, *arguments, **named)
        # The sum, which is zero, keeps the source in the network: each layer has a value there.
        return (torch.full(spec.sizes, nothing) + source.float().sum()).to(getattr(torch, spec.dtype))

    return reduced


def _is_negative(value: Tensor) -> Tensor:
    return (value < 0) | (1 / value < 0)  # also minus zero


def _as_tensor(value: Argument, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if isinstance(value, Tensor) else torch.full((), value, dtype=dtype)


_OF_NOTHING = {"aten.any": 0.0, "aten.mean": torch.nan, "aten.std": torch.nan, "aten.var": torch.nan}
"""What torch makes of no elements."""

_SUBSTITUTES: Mapping[str, Callable[[Node], Operator | None]] = {
    "aten.atan2": _atan2,
    "aten.div": _floor_divide,
    "aten.floor_divide": _floor_divide,
    "aten.select_scatter": _select_scatter,
    "aten.upsample_bilinear2d": _upsample_bilinear2d,
    **dict.fromkeys(_OF_NOTHING, _reduction),
}
