"""Checks a frame's inputs against the model, and copies them; a source's picture is decoded when it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, cast

import numpy as np

import split_model
from edge_service.errors import InputError
from edge_service.frame_image import FrameImage
from split_model import Array, Model, TensorSpec
from split_model.specs import ITEM_BYTES
from split_model.structure import Tree, flatten, map_leaves
from split_model.values import carried, is_tensor

__all__ = ["Inputs", "arrays_of_inputs", "holds_tensors", "own_inputs"]

Inputs = tuple[Tree | FrameImage, ...]
"""A frame's inputs; a source's picture stays as it came."""

_NONE: Mapping[str, Tree] = MappingProxyType({})


def own_inputs(model: Model, inputs: Sequence[Tree | FrameImage], named: Mapping[str, Tree] = _NONE) -> Inputs:
    """Copies a frame's inputs as arrays.

    They are copied, because the caller may reuse its buffer for the next frame while this one waits. A source's picture
    is none of these: it is kept as it is, the one input of a model of images.

    Args:
        model: the model.
        inputs: the arguments of a call of the module, nested as it takes them; in place of each tensor there may be a
            numpy array, of any strides and byte order. bfloat16 comes as its bits, uint16, in an array. Or a picture
            alone.
        named: those that are given by name.

    Returns:
        All of them, in the order of the model's example inputs; in place of each tensor a contiguous array that carries
        it, as `split_model.values` says.

    Raises:
        InputError: number, nesting, type, shape or dtype is not that of the model's inputs.
    """
    if len(inputs) == 1 and isinstance(inputs[0], FrameImage):
        _check_picture(model, inputs[0])
        return (inputs[0],)
    return _own_values(model, cast("Sequence[Tree]", inputs), named)


def holds_tensors(inputs: Sequence[Tree | FrameImage], named: Mapping[str, Tree] = _NONE) -> bool:
    """Whether some of a frame's inputs are torch's tensors, so that tensors are expected back."""
    return any(is_tensor(leaf) for leaf in flatten((*inputs, *named.values()))[0])


def arrays_of_inputs(inputs: Inputs) -> tuple[Tree, ...]:
    """The inputs without pictures; decodes a picture, which blocks, and shares its array.

    Raises:
        PictureError: the picture cannot be decoded.
    """
    return tuple(value.array() if isinstance(value, FrameImage) else value for value in inputs)


def _check_picture(model: Model, picture: FrameImage) -> None:
    found = TensorSpec("uint8", (1, 3, *picture.size))
    if [(want.dtype, want.shape) for want in model.inputs] != [(found.dtype, found.shape)]:
        expected = ", ".join(f"{want.dtype} {list(want.shape)}" for want in model.inputs)
        raise InputError(f"the picture becomes {found.dtype} {list(found.shape)}, expected {expected}")


def _own_values(model: Model, inputs: Sequence[Tree], named: Mapping[str, Tree]) -> tuple[Tree, ...]:
    nesting, leaves = model.definition.inputs.nesting, iter(model.definition.inputs.leaves)
    try:
        inputs = model.in_order(inputs, named)
    except split_model.InputError as error:
        raise InputError(str(error)) from error
    if len(inputs) != len(nesting.parts):
        raise InputError(f"{model.name} takes {len(nesting.parts)} inputs, not {len(inputs)}")
    taken: list[Tree] = []
    for value, part in zip(inputs, nesting.parts, strict=True):
        expected = tuple(islice(leaves, part.leaves))
        path, want = expected[0] if part.kind is None else ("", None)
        if isinstance(want, TensorSpec):
            taken.append(_one(value, path, want))
        else:
            paths = [path for path, want in expected if isinstance(want, TensorSpec)]
            taken.append(map_leaves(partial(_inside, paths=paths), value))
    try:
        model.check_inputs(taken)
        return tuple(map_leaves(_own, value) for value in taken)
    except split_model.InputError as error:
        raise InputError(str(error)) from error
    except (TypeError, RuntimeError) as error:  # of a sparse tensor, for example
        raise InputError(f"expected tensors or arrays with dense elements: {error}") from error


def _one(value: Any, path: str, want: TensorSpec) -> object:  # noqa: ANN401  # a tensor, or anything
    """An input that is one tensor, or an array in its place."""
    expected = f"{path}: expected a tensor or array, {want.dtype} {list(want.shape)}"
    if not (is_tensor(value) or isinstance(value, np.ndarray)):
        raise InputError(f"input {expected}, not {type(value).__name__}")
    taken = _taken(value, expected)
    found = TensorSpec.of(value) if is_tensor(value) else TensorSpec(value.dtype.name, value.shape)
    if found != want and (is_tensor(value) or found != want.carried):
        raise InputError(f"input {path} is {found.dtype} {list(found.shape)}, expected {want.dtype} {list(want.shape)}")
    return taken


def _inside(leaf: object, *, paths: Sequence[str]) -> object:
    """A leaf of a nested input; numbers and the like stay as they are."""
    return _taken(leaf, f"{', '.join(paths) or 'none'}: expected tensors or arrays")


def _taken(leaf: object, expected: str) -> object:
    """A leaf as `Model.check_inputs` takes it: complex numbers of an array as pairs of floats."""
    if not isinstance(leaf, np.ndarray):
        return leaf
    if leaf.dtype.name not in ITEM_BYTES:
        raise InputError(f"input {expected}, not an array of {leaf.dtype}")
    return _in_pairs(leaf) if leaf.dtype.kind == "c" else leaf


def _in_pairs(array: Array) -> Array:
    contiguous = np.array(array, array.dtype.newbyteorder("="), order="C")
    part = np.float32 if array.dtype.itemsize == 8 else np.float64
    return contiguous.reshape(*array.shape, 1).view(part)


def _own(leaf: object) -> object:
    if not (is_tensor(leaf) or isinstance(leaf, np.ndarray)):
        return leaf
    array = carried(leaf)
    return np.array(array, array.dtype.newbyteorder("="), order="C", copy=True, subok=False)
