"""The numbers that carried arrays stand for: floats of bfloat16's bits, complex numbers of pairs.

Layers' values and outputs are exchanged as `split_model.values` says. Whoever looks at elements, to compare them, to
show them or to save them, takes them through here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from split_model.specs import TensorSpec, ValueSpec
from split_model.values import Array

__all__ = ["numbers_by_path", "numbers_of"]


def numbers_of(array: Array, spec: TensorSpec) -> NDArray[Any]:
    """The elements of a tensor as numbers.

    Args:
        array: What carries the tensor (`spec.carried`), with any strides.
        spec: The tensor.

    Returns:
        Bfloat16 as float32, which holds each of its values; complex numbers of their own dtype; other arrays as they
        are, not copied.

    >>> numbers_of(np.array([0x3FC0], np.uint16), TensorSpec("bfloat16", (1,)))
    array([1.5], dtype=float32)
    >>> numbers_of(np.array([[1, -2]], np.float32), TensorSpec("complex64", (1,)))
    array([1.-2.j], dtype=complex64)
    """
    if spec.dtype == "bfloat16":
        bits = array.astype(np.uint32)
        np.left_shift(bits, 16, out=bits)
        return bits.view(np.float32)
    if spec.dtype.startswith("complex"):
        pairs: NDArray[Any] = np.ascontiguousarray(array).view(spec.dtype)
        return pairs[..., 0]
    return array


def numbers_by_path(arrays: Mapping[str, Array], specs: Iterable[ValueSpec]) -> dict[str, NDArray[Any]]:
    """The numbers of a model's inputs or outputs.

    Args:
        arrays: What carries them, by path.
        specs: The tensors of at least these paths, such as `model.outputs`.
    """
    tensors = {spec.path: spec.tensor for spec in specs}
    return {path: numbers_of(array, tensors[path]) for path, array in arrays.items()}
