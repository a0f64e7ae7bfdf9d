"""Verification: compares each result with that of the original module, run on the edge.

Two results are equal if structure, shapes and dtypes are the same, every element differs by at most 1e-4 of the
output's scale, and, for a classification, the top-1 is the same. Bits may differ, because kernels order floating point
sums differently; with lossy encodings the tolerance is their allowed error. Infinities and NaN must be in the same
places. Integers and booleans must be equal: no kernel rounds them, and a tolerance that scales with the largest index
would accept wrong indices. Outputs whose sizes depend on values, as those of detectors, are compared row by row,
without the close calls (`edge_service.output.rows`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from edge_service.frame import FrameResult
from edge_service.output.rows import differing_rows
from split_model import InputError, Model
from split_model.structure import Tree, flatten

__all__ = ["TOLERANCE", "Expected", "Verification", "Verifier", "difference"]

TOLERANCE = 1e-4
_MOST_KEPT_BYTES = 256 * 1024 * 1024
_CLOSE_CALLS = 8  # runs that look for them
_CLOSE = 0.25  # of the tolerance: how far these runs are off


@dataclass(frozen=True, slots=True)
class Verification:
    """The number of results compared, the number of different ones, and the first difference in words."""

    checked: int
    different: int
    first: str | None


class Verifier:
    """Compares results with the whole model; keeps them, so that the comparison does not slow the run.

    At most 256 MiB of inputs and outputs are kept. Beyond that the oldest result is compared at once, on the caller's
    thread; this slows a long run, but all of its results are verified.

    Args:
        model: the model; calling it runs the original module.
        tolerance: the largest error of an element, relative to its output's scale.
    """

    def __init__(self, model: Model, tolerance: float = TOLERANCE) -> None:
        self._model = model
        self._tolerance = tolerance
        self._waiting: deque[FrameResult] = deque()
        self._kept_bytes = 0
        self._checked = 0
        self._different = 0
        self._first: str | None = None

    def add(self, result: FrameResult) -> None:
        """Adds a result with outputs and feeds (see `AgentConfig.keep_inputs`); other results are ignored."""
        if result.feeds is None or not result.outcome.has_result:
            return
        self._waiting.append(result)
        self._kept_bytes += self._bytes(result)
        while self._kept_bytes > _MOST_KEPT_BYTES:
            self.check_next()

    def pending(self) -> int:
        """Results not compared yet."""
        return len(self._waiting)

    def check_next(self) -> None:
        """Compares the oldest kept result."""
        result = self._waiting.popleft()
        self._kept_bytes -= self._bytes(result)
        self._check(result)

    def outcome(self) -> Verification:
        """Compares the remaining results, and returns the counts."""
        while self._waiting:
            self.check_next()
        return Verification(self._checked, self._different, self._first)

    def _bytes(self, result: FrameResult) -> int:
        leaves, _ = flatten((result.outputs, result.feeds))
        return sum(leaf.nbytes for leaf in leaves if isinstance(leaf, torch.Tensor))

    def _check(self, result: FrameResult) -> None:
        if result.feeds is None:
            raise ValueError("the result has no feeds; set AgentConfig.keep_inputs")
        expected = Expected(self._model, result.feeds, self._tolerance)
        try:
            found = expected.difference(self._model.flatten(result.outputs))
        except InputError as error:  # another structure
            found = str(error)
        self._checked += 1
        if found is not None:
            self._different += 1
            self._first = self._first or f"frame {result.frame_id}: {found}"


class Expected:
    """What the original module returns for one frame's inputs, to compare outputs with.

    Args:
        model: the model; calling it runs the original module.
        inputs: the frame's inputs.
        tolerance: as `Verifier`.
    """

    def __init__(self, model: Model, inputs: Sequence[Tree], tolerance: float) -> None:
        self._model = model
        self._inputs = tuple(inputs)
        self._tolerance = tolerance
        self._nearby: list[dict[str, torch.Tensor]] | None = None
        with torch.inference_mode():
            self._outputs = model.flatten(model(*inputs))

    def difference(self, outputs: dict[str, torch.Tensor]) -> str | None:
        """Describes how outputs, by path, differ; None if they are equal in the sense of this module."""
        found = difference(self._outputs, outputs, self._tolerance)
        if found is None or self._model.rest is None or not _alike(self._outputs, outputs):
            return found
        if self._nearby is None:  # most frames have no close calls
            runs = self._model.nearby(self._inputs, self._tolerance * _CLOSE, _CLOSE_CALLS)
            self._nearby = [self._model.flatten(run) for run in runs]
        return differing_rows(self._outputs, outputs, self._nearby, self._tolerance)


def _alike(expected: dict[str, torch.Tensor], actual: dict[str, torch.Tensor]) -> bool:
    return expected.keys() == actual.keys() and all(
        (want.dtype, want.ndim) == (actual[path].dtype, actual[path].ndim) for path, want in expected.items()
    )


def difference(
    expected: dict[str, torch.Tensor], actual: dict[str, torch.Tensor], tolerance: float = TOLERANCE
) -> str | None:
    """Describes how two sets of outputs, by path, differ; None if they are equal in the sense of this module."""
    if expected.keys() != actual.keys():
        return f"outputs {sorted(actual)} instead of {sorted(expected)}"
    for path, want in expected.items():
        found = _tensor_difference(path, want, actual[path], tolerance)
        if found is not None:
            return found
    return None


def _tensor_difference(path: str, want: torch.Tensor, got: torch.Tensor, tolerance: float) -> str | None:
    if want.shape != got.shape or want.dtype != got.dtype:
        return f"{path} is {got.dtype} {tuple(got.shape)} instead of {want.dtype} {tuple(want.shape)}"
    if not (want.is_floating_point() or want.is_complex()):
        different = int((want != got).sum())
        return f"{path} has {different} other values of {want.numel()}" if different else None
    if not _same_specials(want, got):
        return f"{path} has infinities or not-a-numbers in other places"
    wide = torch.complex128 if want.is_complex() else torch.float64  # in float16 a difference may overflow
    scale, worst = _largest(want.to(wide)), _largest(want.to(wide) - got.to(wide))
    if worst > tolerance * scale:
        return f"{path} is off by {worst:.3g}, {worst / scale if scale else float('inf'):.3g} of its scale"
    if want.is_floating_point() and want.ndim == 2 and want.shape[-1] > 1:
        top, other = want.argmax(-1), got.argmax(-1)
        if not torch.equal(top, other):
            return f"{path} has another top-1: {other.tolist()} instead of {top.tolist()}"
    return None


def _same_specials(want: torch.Tensor, got: torch.Tensor) -> bool:
    endless = want.isinf()
    same_endless = torch.equal(endless, got.isinf()) and torch.equal(want[endless], got[endless])
    return same_endless and torch.equal(want.isnan(), got.isnan())


def _largest(tensor: torch.Tensor) -> float:
    """The largest magnitude of the finite elements; 0 where there is none."""
    finite = tensor[tensor.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0
