"""Layers' values as numpy arrays: how heads, tails, the wire and every engine exchange them.

numpy has no bfloat16, so its bits are carried as `uint16`. The wire has no complex numbers: they are carried as two
floats each, in a last dimension of size 2 (`TensorSpec.carried`).
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from split_model.errors import InputError
from split_model.specs import TensorSpec

__all__ = ["Array", "Value", "arrays_of", "carried", "is_tensor", "value_of"]

_IN_PAIRS = " (complex numbers come as two floats each, in a last dimension of size 2)"
_CARRIED = {
    "bfloat16": " (bfloat16 comes as its bits, uint16)",
    "complex64": _IN_PAIRS,
    "complex128": _IN_PAIRS,
}

Array = NDArray[np.generic]

Value = Array | tuple[Array, ...]
"""A layer's value: an array, or several if its operator returns a tuple."""


def is_tensor(leaf: object) -> bool:
    """Whether a value is a tensor of torch, which nobody may have imported."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(leaf, torch.Tensor)


def carried(leaf: Any) -> Array:  # noqa: ANN401  # a tensor or an array
    """The array that carries a tensor; it shares the memory of one on the CPU. An array is returned as it is."""
    if isinstance(leaf, np.ndarray):
        return leaf
    from split_model.pytorch.tensors import array_of  # noqa: PLC0415  # torch is there, as the leaf is its

    return array_of(leaf)


def arrays_of(value: Value) -> tuple[Array, ...]:
    """A layer's value as contiguous little-endian arrays, one per tensor; those that are so already are not copied.

    Args:
        value: Arrays, or tensors in place of them.
    """
    return tuple(_sendable(carried(part)) for part in (value if isinstance(value, tuple) else (value,)))


def value_of(arrays: Sequence[Array], specs: Sequence[TensorSpec]) -> Value:
    """A layer's value from arrays: the inverse of `arrays_of`.

    Args:
        arrays: One per tensor, little-endian; a size that depends on values may be any. Their memory is shared, even if
            they are read-only (no engine modifies what it is given); arrays that are not aligned in memory are copied.
        specs: The layer's tensors: `model.layer_specs[name]`.

    Raises:
        InputError: Number, dtype or shape of the arrays is not that of `specs`.
    """
    if len(arrays) != len(specs):
        raise InputError(f"expected {len(specs)} tensors, got {len(arrays)}")
    checked = tuple(_checked(array, spec) for array, spec in zip(arrays, specs, strict=True))
    return checked[0] if len(checked) == 1 else checked


def _sendable(array: Array) -> Array:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


def _checked(array: Array, spec: TensorSpec) -> Array:
    if not spec.carried.admits(TensorSpec(array.dtype.name, array.shape)):
        raise InputError(
            f"expected {spec.dtype} {list(spec.shape)}, got {array.dtype.name} {list(array.shape)}"
            + _CARRIED.get(spec.dtype, "")
        )
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return native if native.flags.aligned and native.flags.c_contiguous else native.copy(order="C")
