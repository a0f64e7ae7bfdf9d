"""Tensors to the arrays that carry them, and back, without a copy where both are in the CPU's memory."""

from typing import Any

import torch
import torch.utils.dlpack
from torch import Tensor

from split_model import structure
from split_model.definition import Definition
from split_model.specs import TensorSpec
from split_model.structure import Tree
from split_model.values import Array, Value

__all__ = ["array_of", "as_module_returns", "tensor_of", "tensors_of", "to_device"]


def array_of(tensor: Tensor) -> Array:
    """The array that carries a tensor; of one on the CPU it shares the memory, with any strides."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    elif tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return tensor.numpy()


def tensor_of(array: Array, spec: TensorSpec, device: torch.device | str = "cpu") -> Tensor:
    """The tensor that an array carries; on the CPU it shares the memory, even if that is read-only."""
    if not array.flags.aligned or any(stride < 0 for stride in array.strides):
        array = array.copy(order="C")
    # Not `from_numpy` or `frombuffer`, which warn about read-only memory.
    tensor = (
        torch.utils.dlpack.from_dlpack(array)
        if array.size
        else torch.empty(array.shape, dtype=getattr(torch, spec.carried.dtype))
    )
    if spec.dtype == "bfloat16":
        tensor = tensor.view(torch.bfloat16)
    elif spec.sent is not spec:
        tensor = torch.view_as_complex(tensor)
    return tensor.to(device)


def tensors_of(value: Value, specs: tuple[TensorSpec, ...], device: torch.device | str = "cpu") -> Any:  # noqa: ANN401  # a tensor or a tuple
    """A layer's value as a tensor, or as a tuple of several."""
    if isinstance(value, tuple):
        return tuple(tensor_of(array, spec, device) for array, spec in zip(value, specs, strict=True))
    return tensor_of(value, specs[0], device)


def as_module_returns(definition: Definition, outputs: Tree, device: torch.device | str = "cpu") -> Tree:
    """A return value of arrays as one of tensors."""
    specs = {spec.path: spec.tensor for spec in definition.outputs.specs}
    flat = definition.outputs.flat(outputs)
    return definition.outputs.nested({path: tensor_of(flat[path], spec, device) for path, spec in specs.items()})


def to_device(value: Tree, device: torch.device) -> Tree:
    """A nested value with its tensors on a device."""
    return structure.map_leaves(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, value)
