"""Checks a frame's inputs against the model, and copies them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from edge_service.errors import InputError
from split_model import Model, TensorSpec

__all__ = ["own_inputs"]


def own_inputs(model: Model, inputs: Sequence[object]) -> tuple[torch.Tensor, ...]:
    """Copies a frame's inputs to the model's device.

    They are copied, because the caller may reuse its buffer for the next frame while this one waits.

    Args:
        model: the model.
        inputs: tensors or numpy arrays, of any strides and byte order.

    Raises:
        InputError: number, type, shape or dtype is not that of the model's inputs.
    """
    specs = model.inputs
    if len(inputs) != len(specs):
        raise InputError(f"{model.name} takes {len(specs)} inputs, not {len(inputs)}")
    tensors = []
    for value, want in zip(inputs, specs, strict=True):
        tensor = _tensor(value, f"{want.path}: expected a tensor or array, {want.dtype} {list(want.shape)}")
        found = TensorSpec.of(tensor)
        if (found.dtype, found.shape) != (want.dtype, want.shape):
            raise InputError(
                f"input {want.path} is {found.dtype} {list(found.shape)}, expected {want.dtype} {list(want.shape)}"
            )
        tensors.append(tensor.to(model.device))
    return tuple(tensors)


def _tensor(value: object, expected: str) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if not isinstance(value, np.ndarray):
        raise InputError(f"input {expected}, not {type(value).__name__}")
    try:
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("="), order="C", copy=True))
    except TypeError as error:
        raise InputError(f"input {expected}, not an array of {value.dtype}") from error
