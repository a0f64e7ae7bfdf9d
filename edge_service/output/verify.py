"""Verification: compares each result with that of the whole model, run on the edge.

The whole model is the caller's module, where there is one; else, as for a model from a file, the engine's session of
all layers. Two results are equal if structure, shapes and dtypes are the same, every element differs by at most 1e-4 of
the output's scale, and, for a classification, the top-1 is the same. Bits may differ, because kernels order floating
point sums differently; with lossy encodings the tolerance is their allowed error. Infinities and NaN must be in the
same places. Integers and booleans must be equal: no kernel rounds them, and a tolerance that scales with the largest
index would accept wrong indices. Of two classes that are as good as tied, 2e-5 of the scale apart, either may be the
top-1: engines differ by up to half of that. Outputs whose sizes depend on values, as those of detectors, are compared
row by row, without the close calls (`edge_service.output.rows`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_service.frame import FrameResult
from edge_service.output.rows import differing_rows
from split_model import Array, InputError, Model, TensorSpec
from split_model.numbers import numbers_by_path, numbers_of
from split_model.structure import Tree, flatten
from split_model.values import is_tensor

__all__ = ["TOLERANCE", "Against", "Expected", "Verification", "Verifier", "against", "difference"]

TOLERANCE = 1e-4
Against = Literal["module", "session"]
"""The whole model that results are compared with."""

_TIE = 2e-5  # of the scale; not of the tolerance, or a lossy encoding might change what the model says
_MOST_KEPT_BYTES = 256 * 1024 * 1024
_CLOSE_CALLS = 8  # runs that look for them
_CLOSE = 0.25  # of the tolerance: how far these runs are off
_BLOCK = 1 << 16  # elements that are compared at once: two blocks in double precision fit into a processor's cache

_NONE: Mapping[str, TensorSpec] = MappingProxyType({})


def against(model: Model) -> Against:
    """What a model's results are compared with: its module, or without one the session of all its layers."""
    return "session" if model.original is None else "module"


@dataclass(frozen=True, slots=True)
class Verification:
    """The number of results compared, the number of different ones, the first difference in words, and with what."""

    checked: int
    different: int
    first: str | None
    against: Against

    def as_json(self) -> dict[str, Any]:
        """What the report says of it."""
        return {"checked": self.checked, "different": self.different, "against": self.against}


class Verifier:
    """Compares results with the whole model; keeps them, so that the comparison does not slow the run.

    At most 256 MiB of inputs and outputs are kept. Beyond that the oldest result is compared at once, on the caller's
    thread; this slows a long run, but all of its results are verified.

    Args:
        model: the model; calling it runs the original module, if it has one.
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
        return Verification(self._checked, self._different, self._first, against(self._model))

    def _bytes(self, result: FrameResult) -> int:
        leaves, _ = flatten((result.outputs, result.feeds))
        return sum(leaf.nbytes for leaf in leaves if isinstance(leaf, np.ndarray) or is_tensor(leaf))

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
    """What the whole model returns for one frame's inputs, to compare outputs with.

    Args:
        model: the model; calling it runs the original module, if it has one.
        inputs: the frame's inputs.
        tolerance: as `Verifier`.
    """

    def __init__(self, model: Model, inputs: Sequence[Tree], tolerance: float) -> None:
        self._model = model
        self._inputs = tuple(inputs)
        self._tolerance = tolerance
        self._nearby: list[dict[str, NDArray[Any]]] | None = None
        self._outputs = model.flatten(model(*inputs))

    def difference(self, outputs: Mapping[str, Array]) -> str | None:
        """Describes how outputs, by path, differ; None if they are equal in the sense of this module.

        Args:
            outputs: the arrays that carry them, as `Model.flatten` gives them.
        """
        specs = self._model.outputs
        found = difference(self._outputs, outputs, self._tolerance, {spec.path: spec.tensor for spec in specs})
        if found is None or self._model.rest is None or not _alike(self._outputs, outputs):
            return found
        if self._nearby is None:  # most frames have no close calls
            runs = self._model.nearby(self._inputs, self._tolerance * _CLOSE, _CLOSE_CALLS)
            self._nearby = [numbers_by_path(self._model.flatten(run), specs) for run in runs]
        expected, actual = numbers_by_path(self._outputs, specs), numbers_by_path(outputs, specs)
        return differing_rows(expected, actual, self._nearby, self._tolerance)


def _alike(expected: Mapping[str, Array], actual: Mapping[str, Array]) -> bool:
    return expected.keys() == actual.keys() and all(
        (want.dtype, want.ndim) == (actual[path].dtype, actual[path].ndim) for path, want in expected.items()
    )


def difference(
    expected: Mapping[str, Array],
    actual: Mapping[str, Array],
    tolerance: float = TOLERANCE,
    carry: Mapping[str, TensorSpec] = _NONE,
) -> str | None:
    """Describes how two sets of outputs differ; None if they are equal in the sense of this module.

    Args:
        expected: arrays, by path.
        actual: likewise.
        tolerance: the largest error of an element, relative to its output's scale.
        carry: the tensors that they carry, by path; without one, an array's elements are the numbers themselves.
    """
    if expected.keys() != actual.keys():
        return f"outputs {sorted(actual)} instead of {sorted(expected)}"
    for path, want in expected.items():
        got, spec = actual[path], carry.get(path)
        if want.shape != got.shape or want.dtype != got.dtype:
            return f"{path} is {_kind(got, spec)} instead of {_kind(want, spec)}"
        if spec is not None:
            want, got = numbers_of(want, spec), numbers_of(got, spec)  # noqa: PLW2901  # the same, as numbers
        found = _other_numbers(path, want, got, tolerance)
        if found is not None:
            return found
    return None


def _kind(array: Array, spec: TensorSpec | None) -> str:
    if spec is None or array.dtype.name != spec.carried.dtype:
        return f"{array.dtype} {array.shape}"
    return f"{spec.dtype} {array.shape if spec.sent is spec else array.shape[:-1]}"


def _other_numbers(path: str, want: NDArray[Any], got: NDArray[Any], tolerance: float) -> str | None:
    if np.array_equal(want, got):
        return None
    if not np.issubdtype(want.dtype, np.inexact):
        return f"{path} has {np.count_nonzero(want != got)} other values of {want.size}"
    scale, worst = 0.0, 0.0
    for block, other in _wide_blocks(want, got):
        if not _same_specials(block, other):
            return f"{path} has infinities or not-a-numbers in other places"
        finite = np.isfinite(block)
        if not finite.all():
            block, other = block[finite], other[finite]  # noqa: PLW2901  # what is left of them
        scale = max(scale, _largest(block))
        with np.errstate(over="ignore"):  # a difference may be beyond the largest number
            worst = max(worst, _largest(block - other))
    if worst > tolerance * scale:
        return f"{path} is off by {worst:.3g}, {worst / scale if scale else float('inf'):.3g} of its scale"
    is_classification = want.ndim == 2 and want.shape[-1] > 1 and np.issubdtype(want.dtype, np.floating)
    return _other_top(path, want, got, _TIE * scale) if is_classification else None


def _wide_blocks(want: NDArray[Any], got: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Block after block in double precision: in float16 a difference may overflow."""
    wide = np.result_type(want.dtype, np.float64)
    mine, others = want.reshape(-1), got.reshape(-1)
    for first in range(0, want.size, _BLOCK):
        place = slice(first, first + _BLOCK)
        yield mine[place].astype(wide), others[place].astype(wide)


def _same_specials(want: NDArray[Any], got: NDArray[Any]) -> bool:
    """Whether infinities and NaN are the same ones, of complex numbers in each part."""
    mine, others = want.view(np.float64), got.view(np.float64)
    finite = np.isfinite(mine)
    if finite.all():
        return bool(np.isfinite(others).all())
    return np.array_equal(mine[~finite], others[~finite], equal_nan=True) and bool(np.isfinite(others[finite]).all())


def _largest(finite: NDArray[Any]) -> float:
    """The largest magnitude; 0 where there is none."""
    return float(np.abs(finite).max()) if finite.size else 0.0


def _other_top(path: str, want: NDArray[Any], got: NDArray[Any], tie: float) -> str | None:
    top, other = want.argmax(-1), got.argmax(-1)
    rows = np.flatnonzero(top != other)
    lead = want[rows, top[rows]].astype(np.float64) - want[rows, other[rows]]
    if (lead > tie).any():
        return f"{path} has another top-1: {other.tolist()} instead of {top.tolist()}"
    return None
