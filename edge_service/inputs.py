"""A frame's inputs, checked against the model and made our own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from edge_service.errors import InputError
from split_model import Model

__all__ = ["own_inputs"]


def own_inputs(model: Model, inputs: Sequence[object]) -> tuple[torch.Tensor, ...]:
    """Copies a frame's inputs to the model's device.

    Copies, because a caller may use its buffer for the next frame while this one still waits.

    Args:
        model: says what it takes.
        inputs: tensors or numpy arrays, of any strides and byte order.

    Raises:
        InputError: number, type, shape or dtype is not what the model takes.
    """
    specs = model.inputs
    if len(inputs) != len(specs):
        raise InputError(f"{model.name} takes {len(specs)} inputs, not {len(inputs)}")
    tensors = []
    for value, want in zip(inputs, specs, strict=True):
        tensor = _tensor(value, f"{want.path}: expected a tensor or array, {want.dtype} {list(want.shape)}")
        dtype = str(tensor.dtype).removeprefix("torch.")
        if tuple(tensor.shape) != want.shape or dtype != want.dtype:
            raise InputError(
                f"input {want.path} is {dtype} {list(tensor.shape)}, expected {want.dtype} {list(want.shape)}"
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
