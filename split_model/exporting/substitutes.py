"""Operators that are exported as others, because ONNX Runtime rounds their own form otherwise, or runs it slowly."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from split_model.trace.operators import packet
from split_model.trace.trace import Argument, Node

__all__ = ["substitute_of"]

Operator = Callable[..., Argument]


def substitute_of(node: Node) -> Operator | None:
    """What is called in place of a node's operator, with the same arguments; `None` for the operator itself."""
    make = _SUBSTITUTES.get(packet(node.target))
    return None if make is None or node.kwargs else make(node)


def _select_scatter(node: Node) -> Operator | None:
    """A picture put into a batch of one, as detectors do: the exporter would scatter its elements one by one."""
    dimension = node.args[2] if len(node.args) == 4 else 0
    if node.specs[0] is None or node.specs[0].shape[dimension] != 1:
        return None
    return lambda *arguments: arguments[1].unsqueeze(dimension)


def _upsample_bilinear2d(node: Node) -> Operator | None:
    """Where the scale is no exact number: ONNX Runtime divides by it, torch multiplies by its inverse."""
    size, scales = node.args[1], node.args[3:]
    if node.args[2] or not isinstance(size, Sequence) or any(scale is not None for scale in scales):
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


_SUBSTITUTES: Mapping[str, Callable[[Node], Operator | None]] = {
    "aten.select_scatter": _select_scatter,
    "aten.upsample_bilinear2d": _upsample_bilinear2d,
}
