"""Inputs that differ from the example inputs and are as valid: to ask a module what it answers to others.

A value must stay valid for the module: an index into a table, a length, a mask. So a float lies in the range of its
example, and an integer is one of the example's own. A module that refuses such values is asked about the example's,
a little changed.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from split_model.structure import Tree, map_leaves

__all__ = ["apart", "fresh_inputs"]

_NUDGE = 1e-3


def apart(inputs: Sequence[Tree]) -> tuple[Tree, ...]:
    """Copies of the inputs, none of which share memory, even if their originals do."""
    return tuple(map_leaves(_copy, value) for value in inputs)


def fresh_inputs(examples: Sequence[Tree], seed: int) -> Iterator[tuple[Tree, ...]]:
    """Candidates for other inputs, of the same shapes and dtypes; the earlier ones differ more, the last one least.

    Args:
        examples: Inputs that the module takes.
        seed: Other seeds give other inputs.
    """
    for make in (_drawn, _chosen, _nudged):
        other = partial(_other, make=make, generator=torch.Generator().manual_seed(seed))
        yield tuple(map_leaves(other, value) for value in examples)


def _other(leaf: object, *, make: Callable[[Tensor, torch.Generator], Tensor], generator: torch.Generator) -> object:
    if not isinstance(leaf, Tensor) or not leaf.numel():
        return _copy(leaf)
    return make(leaf.detach().cpu(), generator).to(leaf.device)


def _copy(leaf: object) -> object:
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def _drawn(example: Tensor, generator: torch.Generator) -> Tensor:
    """Floats in the example's range; bytes, which are pixels or indices, of any value; others as `_chosen`."""
    if example.is_complex():
        return torch.view_as_complex(_drawn(torch.view_as_real(example.resolve_conj()).contiguous(), generator))
    if example.is_floating_point():
        wide = example.double()
        finite = wide[wide.isfinite()]
        low, high = (float(finite.min()), float(finite.max())) if finite.numel() else (0.0, 1.0)
        if low == high:
            low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            high = 1.0
        drawn = (torch.rand(example.shape, generator=generator, dtype=torch.float64) * (high - low) + low).to(
            example.dtype
        )
        return torch.where(example.isfinite(), drawn, example)
    if example.dtype is torch.bool:
        return torch.rand(example.shape, generator=generator) < 0.5
    if example.dtype is torch.uint8:
        return torch.randint(0, 256, example.shape, generator=generator, dtype=torch.uint8)
    return _chosen(example, generator)


def _chosen(example: Tensor, generator: torch.Generator) -> Tensor:
    """The example's own values, in other places."""
    flat = example.reshape(-1)
    return flat[torch.randint(0, flat.numel(), (flat.numel(),), generator=generator)].reshape(example.shape)


def _nudged(example: Tensor, generator: torch.Generator) -> Tensor:
    """Floats that are off by a thousandth; others as they are."""
    if not example.is_floating_point():
        return example.clone()
    noise = torch.rand(example.shape, generator=generator, dtype=torch.float64) * 2 - 1
    return (example.double() * (1 + _NUDGE * noise)).to(example.dtype)
