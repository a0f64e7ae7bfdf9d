"""Verification: compares each result with that of the original module, run on the edge.

Two results are equal if structure, shapes and dtypes are the same, every element differs by at most 1e-4 of the
output's scale, and, for a classification, the top-1 is the same. Bits may differ, because kernels order floating point
sums differently; with lossy encodings the tolerance is their allowed error. Infinities and NaN must be in the same
places. Integers and booleans must be equal: no kernel rounds them, and a tolerance that scales with the largest index
would accept wrong indices.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch

from edge_service.frame import FrameResult
from split_model import InputError, Model, TensorSpec
from split_model.structure import flatten

__all__ = ["TOLERANCE", "Verification", "Verifier", "difference"]

TOLERANCE = 1e-4
_MOST_KEPT_BYTES = 256 * 1024 * 1024


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
        outputs = self._model.outputs
        made = sum(TensorSpec(output.dtype, output.shape).bytes for output in outputs)
        fed, _ = flatten(result.feeds)
        return made + sum(feed.nbytes for feed in fed if isinstance(feed, torch.Tensor))

    def _check(self, result: FrameResult) -> None:
        if result.feeds is None:
            raise ValueError("the result has no feeds; set AgentConfig.keep_inputs")
        with torch.inference_mode():
            expected = self._model.flatten(self._model(*result.feeds))
        try:
            found = difference(expected, self._model.flatten(result.outputs), self._tolerance)
        except InputError as error:  # another structure
            found = str(error)
        self._checked += 1
        if found is not None:
            self._different += 1
            self._first = self._first or f"frame {result.frame_id}: {found}"


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
