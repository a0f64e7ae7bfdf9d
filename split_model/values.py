"""Layers' values to the numpy arrays that are sent, and back."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.utils.dlpack
from numpy.typing import NDArray
from torch import Tensor

from split_model.errors import InputError
from split_model.trace.trace import TensorSpec

__all__ = ["Value", "arrays_of", "value_of"]

_IN_PAIRS = " (complex numbers come as two floats each, in a last dimension of size 2)"
_CARRIED = {
    "bfloat16": " (bfloat16 comes as its bits, uint16)",
    "complex64": _IN_PAIRS,
    "complex128": _IN_PAIRS,
}

Value = Tensor | tuple[Tensor, ...]
"""A layer's value: a tensor, or several if its operator returns a tuple."""


def arrays_of(value: Value) -> tuple[NDArray[np.generic], ...]:
    """A layer's value as contiguous little-endian arrays, one per tensor.

    The array of a contiguous tensor in CPU memory shares its memory. numpy has no bfloat16, so its bits are returned as
    `uint16`. The wire has no complex numbers: they are returned as two floats each, in a last dimension of size 2
    (`TensorSpec.sent`).
    """
    return tuple(_array_of(tensor) for tensor in (value if isinstance(value, tuple) else (value,)))


def _array_of(tensor: Tensor) -> NDArray[np.generic]:
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    elif tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    array: NDArray[np.generic] = tensor.numpy()
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def value_of(
    arrays: Sequence[NDArray[np.generic]], specs: Sequence[TensorSpec], device: torch.device | str = "cpu"
) -> Value:
    """A layer's value from arrays: the inverse of `arrays_of`.

    Args:
        arrays: One per tensor, little-endian, as `arrays_of` returns them; a size that depends on values may be any. On
            the CPU their memory is shared, even if they are read-only (a schedule never modifies its feeds); arrays
            that are not aligned in memory are copied.
        specs: The layer's tensors: `model.layer_specs[name]`.
        device: The device of the value.

    Raises:
        InputError: Number, dtype or shape of the arrays is not that of `specs`.
    """
    if len(arrays) != len(specs):
        raise InputError(f"expected {len(specs)} tensors, got {len(arrays)}")
    tensors = tuple(_tensor_of(array, spec).to(device) for array, spec in zip(arrays, specs, strict=True))
    return tensors[0] if len(tensors) == 1 else tensors


def _tensor_of(array: NDArray[np.generic], spec: TensorSpec) -> Tensor:
    carried = "uint16" if spec.dtype == "bfloat16" else spec.sent.dtype
    if not replace(spec.sent, dtype=carried).admits(TensorSpec(array.dtype.name, array.shape)):
        raise InputError(
            f"expected {spec.dtype} {list(spec.shape)}, got {array.dtype.name} {list(array.shape)}"
            + _CARRIED.get(spec.dtype, "")
        )
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if not (native.flags.aligned and native.flags.c_contiguous):
        native = native.copy(order="C")
    # Not `from_numpy` or `frombuffer`, which warn about read-only memory.
    tensor = (
        torch.utils.dlpack.from_dlpack(native)
        if native.size
        else torch.empty(native.shape, dtype=getattr(torch, carried))
    )
    if spec.dtype == "bfloat16":
        return tensor.view(torch.bfloat16)
    return tensor if spec.sent is spec else torch.view_as_complex(tensor)
