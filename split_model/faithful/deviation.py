"""How far one answer of a model is from another, relative to the largest element of each output."""

from math import inf

import torch
from torch import Tensor

from split_model.structure import Tree, flatten

__all__ = ["deviation", "is_finite"]


def deviation(wanted: Tree, found: Tree) -> float:
    """The largest deviation of any output; infinite for another nesting, shape, dtype or number, or another integer.

    Infinities and NaN must be in the same places. Differences below the smallest normal number count for nothing.
    """
    ours, nesting = flatten(wanted)
    theirs, other = flatten(found)
    if nesting != other:
        return inf
    return max((_of_leaf(one, two) for one, two in zip(ours, theirs, strict=True)), default=0.0)


def is_finite(answer: Tree) -> bool:
    """Whether all floating-point elements are finite."""
    tensors = (leaf for leaf in flatten(answer)[0] if isinstance(leaf, Tensor))
    return all(bool(tensor.isfinite().all()) for tensor in tensors if _is_float(tensor))


def _of_leaf(wanted: object, found: object) -> float:
    if not isinstance(wanted, Tensor):
        return 0.0 if repr(wanted) == repr(found) else inf  # a number, NaN among them, or None
    if not isinstance(found, Tensor) or (wanted.dtype, wanted.shape) != (found.dtype, found.shape):
        return inf
    if _is_float(wanted):
        return _of_floats(wanted, found)
    return 0.0 if torch.equal(wanted, found) else inf


def _of_floats(wanted: Tensor, found: Tensor) -> float:
    finite = wanted.isfinite()
    if not (torch.equal(finite, found.isfinite()) and torch.equal(_marked(wanted[~finite]), _marked(found[~finite]))):
        return inf
    wide = torch.complex128 if wanted.is_complex() else torch.float64
    one, two = wanted[finite].to(wide), found[finite].to(wide)
    worst = float((one - two).abs().max()) if one.numel() else 0.0
    if worst <= torch.finfo(wanted.dtype).tiny:
        return 0.0
    scale = float(one.abs().max())
    return worst / scale if scale else inf


def _marked(odd: Tensor) -> Tensor:
    """Infinities and NaN as numbers that compare as equal."""
    parts = torch.view_as_real(odd.resolve_conj()) if odd.is_complex() else odd
    return parts.nan_to_num()


def _is_float(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()
