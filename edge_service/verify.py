"""Is the split model's answer the whole model's? Each result is compared with the original module, run here.

Equal means: the same structure, shapes and dtypes, every element within 1e-4 of the output's own scale (floating
point sums are ordered differently by different kernels, so bits may differ), and, for a classification, the same
top-1.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch

from edge_service.frame import FrameResult
from models import Model

__all__ = ["Verification", "Verifier", "difference"]

TOLERANCE = 1e-4
_BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Verification:
    """How many results were compared, how many were different, and the first difference in words."""

    checked: int
    different: int
    first: str | None


class Verifier:
    """Compares results with the whole model; keeps them for later, so that checking does not slow the run it checks.

    Inputs and outputs of at most 512 frames are kept; beyond that the oldest is checked at once.

    Args:
        model: the model; calling it runs the original module.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._waiting: deque[FrameResult] = deque()
        self._checked = 0
        self._different = 0
        self._first: str | None = None

    def add(self, result: FrameResult) -> None:
        """Takes a result with outputs and feeds (see `AgentConfig.keep_inputs`); others are ignored."""
        if result.feeds is None or not result.outcome.has_result:
            return
        self._waiting.append(result)
        if len(self._waiting) > _BACKLOG:
            self._check(self._waiting.popleft())

    def pending(self) -> int:
        """Results not compared yet."""
        return len(self._waiting)

    def check_next(self) -> None:
        """Compares the oldest result that waits."""
        self._check(self._waiting.popleft())

    def outcome(self) -> Verification:
        """Compares what still waits, and returns the counts."""
        while self._waiting:
            self.check_next()
        return Verification(self._checked, self._different, self._first)

    def _check(self, result: FrameResult) -> None:
        if result.feeds is None:
            raise ValueError("the result has no feeds; set AgentConfig.keep_inputs")
        with torch.inference_mode():
            expected = self._model.flatten(self._model(*result.feeds))
        found = difference(expected, self._model.flatten(result.outputs))
        self._checked += 1
        if found is not None:
            self._different += 1
            self._first = self._first or f"frame {result.frame_id}: {found}"


def difference(expected: dict[str, torch.Tensor], actual: dict[str, torch.Tensor]) -> str | None:
    """Says how two sets of outputs, by path, differ; None when they are equal in the sense of this module."""
    if expected.keys() != actual.keys():
        return f"outputs {sorted(actual)} instead of {sorted(expected)}"
    for path, want in expected.items():
        got = actual[path]
        if want.shape != got.shape or want.dtype != got.dtype:
            return f"{path} is {got.dtype} {tuple(got.shape)} instead of {want.dtype} {tuple(want.shape)}"
        if want.numel() == 0:
            continue
        if not torch.equal(want.isnan(), got.isnan()):
            return f"{path} has its not-a-numbers in other places"
        exact, found = want.double().nan_to_num(), got.double().nan_to_num()
        scale = float(exact.abs().max())
        worst = float((exact - found).abs().max())
        if worst > TOLERANCE * scale:
            return f"{path} is off by {worst:.3g}, {worst / scale if scale else float('inf'):.3g} of its scale"
        if want.ndim == 2 and want.shape[-1] > 1 and not torch.equal(want.argmax(-1), got.argmax(-1)):
            return f"{path} has another top-1: {got.argmax(-1).tolist()} instead of {want.argmax(-1).tolist()}"
    return None
