"""Checks a frame's inputs against the model, and copies them; a source's picture is decoded when it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import cast

import numpy as np
import torch

import split_model
from edge_service.errors import InputError
from edge_service.frame_image import FrameImage
from split_model import Model, TensorSpec, ValueSpec
from split_model.structure import Tree, flatten, map_leaves

__all__ = ["Inputs", "own_inputs", "tensors_of"]

Inputs = tuple[Tree | FrameImage, ...]
"""A frame's inputs; a source's picture stays as it came."""

_NONE: Mapping[str, Tree] = MappingProxyType({})


def own_inputs(model: Model, inputs: Sequence[Tree | FrameImage], named: Mapping[str, Tree] = _NONE) -> Inputs:
    """Copies a frame's inputs to the model's device.

    They are copied, because the caller may reuse its buffer for the next frame while this one waits. A source's picture
    is none of these: it is kept as it is, the one input of a model of images.

    Args:
        model: the model.
        inputs: the arguments of a call of the module, nested as it takes them; in place of each tensor there may be a
            numpy array, of any strides and byte order. Or a picture alone.
        named: those that are given by name.

    Returns:
        All of them, in the order of the model's example inputs.

    Raises:
        InputError: number, nesting, type, shape or dtype is not that of the model's inputs.
    """
    if len(inputs) == 1 and isinstance(inputs[0], FrameImage):
        _check_picture(model, inputs[0])
        return (inputs[0],)
    return _own_values(model, cast("Sequence[Tree]", inputs), named)


def tensors_of(model: Model, inputs: Inputs) -> tuple[Tree, ...]:
    """The inputs on the model's device; decodes a picture, which blocks.

    Raises:
        PictureError: the picture cannot be decoded.
    """
    return tuple(
        torch.from_numpy(value.array().copy()).to(model.device) if isinstance(value, FrameImage) else value
        for value in inputs
    )


def _check_picture(model: Model, picture: FrameImage) -> None:
    found = TensorSpec("uint8", (1, 3, *picture.size))
    if [(want.dtype, want.shape) for want in model.inputs] != [(found.dtype, found.shape)]:
        expected = ", ".join(f"{want.dtype} {list(want.shape)}" for want in model.inputs)
        raise InputError(f"the picture becomes {found.dtype} {list(found.shape)}, expected {expected}")


def _own_values(model: Model, inputs: Sequence[Tree], named: Mapping[str, Tree]) -> tuple[Tree, ...]:
    examples = model.example_inputs
    try:
        inputs = model.in_order(inputs, named)
    except split_model.InputError as error:
        raise InputError(str(error)) from error
    if len(inputs) != len(examples):
        raise InputError(f"{model.name} takes {len(examples)} inputs, not {len(inputs)}")
    specs = iter(model.inputs)
    owned: list[Tree] = []
    for value, example in zip(inputs, examples, strict=True):
        if isinstance(example, torch.Tensor):
            owned.append(_own_tensor(value, next(specs)).to(model.device))
            continue
        leaves, _ = flatten(example)
        wanted = [next(specs).path for leaf in leaves if isinstance(leaf, torch.Tensor)]
        owned.append(map_leaves(partial(_own_leaf, wanted=wanted, device=model.device), value))
    try:
        model.check_inputs(owned)
    except split_model.InputError as error:
        raise InputError(str(error)) from error
    return tuple(owned)


def _own_tensor(value: object, want: ValueSpec) -> torch.Tensor:
    tensor = _tensor(value, f"{want.path}: expected a tensor or array, {want.dtype} {list(want.shape)}")
    found = TensorSpec.of(tensor)
    if (found.dtype, found.shape) != (want.dtype, want.shape):
        raise InputError(
            f"input {want.path} is {found.dtype} {list(found.shape)}, expected {want.dtype} {list(want.shape)}"
        )
    return tensor


def _own_leaf(leaf: object, *, wanted: Sequence[str], device: torch.device) -> object:
    """Copies a tensor or array inside a nested input; other leaves, such as numbers, stay as they are."""
    if not isinstance(leaf, torch.Tensor | np.ndarray):
        return leaf
    return _tensor(leaf, f"{', '.join(wanted) or 'none'}: expected tensors or arrays").to(device)


def _tensor(value: object, expected: str) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if not isinstance(value, np.ndarray):
        raise InputError(f"input {expected}, not {type(value).__name__}")
    try:
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("="), order="C", copy=True))
    except TypeError as error:
        raise InputError(f"input {expected}, not an array of {value.dtype}") from error
