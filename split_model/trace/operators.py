"""Properties of operators that the passes use."""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch._ops import OpOverload

from split_model.trace.trace import Node

__all__ = ["IDENTITY", "RELABELLING", "SHAPE_ONLY", "STRIDE_READING", "VIEW", "draws_random", "is_getitem", "packet"]

IDENTITY = frozenset({"aten.alias", "aten.detach", "aten.lift_fresh", "aten.lift_fresh_copy"})
"""Operators that return their first argument unchanged."""

VIEW = frozenset({"aten.view", "aten._unsafe_view", "aten.reshape", "aten._reshape_alias"})
"""Views, which are run as `reshape`: a received value is contiguous, but the traced one may have had other strides."""

RELABELLING = (
    IDENTITY
    | VIEW
    | frozenset(
        f"aten.{name}"
        for name in [
            *("chunk", "split", "split_with_sizes", "tensor_split", "unbind"),
            *("unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes"),
            *("clone", "contiguous", "dropout", "feature_dropout"),
            *("expand", "flatten", "squeeze", "unflatten", "unsqueeze"),
            *("diagonal", "narrow", "select", "slice", "unfold"),
            *("mH", "mT", "movedim", "numpy_T", "permute", "t", "transpose"),
        ]
    )
)
"""Operators that only rearrange the elements of their first argument. One that keeps every element is no layer: it runs
with the layers that read it. One that drops elements (`select`, `slice`) is a layer, because less data is sent after
it."""

SHAPE_ONLY = frozenset(
    f"aten.{name}"
    for name in [
        *("empty_like", "full_like", "ones_like", "zeros_like"),
        *("new_empty", "new_full", "new_ones", "new_zeros", "zero"),
        *("copy", "fill"),  # their values come from the second argument
    ]
)
"""Operators that read only shape and dtype of their first argument, which the export fixes."""

STRIDE_READING = frozenset(f"aten.{name}" for name in ["as_strided", "as_strided_copy", "as_strided_scatter"])
"""Operators whose result depends on the strides of their argument."""


def packet(target: Callable[..., Any] | None) -> str:
    """The operator's name without the overload: `aten.view` for `aten.view.default`."""
    return str(target).rpartition(".")[0]


def is_getitem(node: Node) -> bool:
    """Whether the node takes one tensor out of a tuple."""
    return node.target is operator.getitem


def draws_random(node: Node) -> bool:
    """Whether the operator draws random numbers with these arguments.

    Attention and recurrent operators have the tag because of their dropout; they draw no numbers if its probability is
    0 or the training argument is False.
    """
    target = node.target
    if not isinstance(target, OpOverload) or torch.Tag.nondeterministic_seeded not in target.tags:
        return False
    for position, argument in enumerate(target._schema.arguments):  # noqa: SLF001  # has no public name
        given = node.args[position] if position < len(node.args) else node.kwargs.get(argument.name)
        value = argument.default_value if given is None else given
        if argument.name in {"train", "training"} and value is False:
            return False
        if argument.name in {"dropout_p", "dropout", "p"} and value == 0:
            return False
    return True
