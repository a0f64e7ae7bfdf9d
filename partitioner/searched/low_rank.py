"""Multipliers for a proof by quadratic forms, from unit vectors of low rank.

The best multipliers of `partitioner.searched.quadratic_bound` are those of a semidefinite program, in which every
sign is a unit
vector and every product of two signs an inner product. With vectors of a few dimensions that is a smooth problem on
spheres, solved by the method of multipliers: minimise Tt plus the multiplied constraints plus their squares; change
each multiplier by what is left of its constraint; again. It need not converge: after each round the multipliers may
suffice, and the proof does not depend on how they were found.

Reference: S. Burer, R. D. C. Monteiro, "A nonlinear programming algorithm for solving semidefinite programs via
low-rank factorization", Mathematical Programming 95 (2003), doi:10.1007/s10107-002-0352-8.
"""

import numpy as np
from scipy.optimize import fmin_l_bfgs_b

from partitioner.listed.closed_sets import FloatArray
from partitioner.searched.quadratic_bound import Measured, Multipliers, QuadraticBound
from partitioner.searched.remainder import StageArrays

_ROUNDS, _FIRST_PROOF = 5, 3
# Tt after the first round, where vectors do not yet keep to the constraints: above this wherever the proof succeeded.
_PROMISING = 0.0
# Where all layers together take so many times T, they say nothing about a split below T.
_UNEVEN = 1e6
_STEPS = 60
# More dimensions take longer; with ten, the descent ends where the matrix has negative eigenvalues.
_RANK = 32
# At first; that of open sets is in terms of what a tensor takes, which they would save.
_CLOSED_PENALTY, _PENALTY, _GROWTH = 60.0, 15.0, 1.5


def no_split_below(stages: StageArrays, least_edge_s: float, bottleneck_s: float) -> bool:
    """Whether it is proven that all splits with a given work on the edge have a large bottleneck.

    Args:
        stages: The problem.
        least_edge_s: Splits are asked for that have at least these seconds of compute on the edge;
        bottleneck_s: and whose stages are all below this; above 0.

    Returns:
        True if there is none; False if that is not so, or not proven.

    Complexity: O((layers + arcs) rank) for each of a few hundred steps, O(layers^3) for the proof.
    """
    most_s = _UNEVEN * bottleneck_s
    if (
        stages.encode.any()
        or not len(stages.arcs.read)
        or not 0.0 < max(stages.edge.sum(), stages.cloud.sum()) < most_s
    ):
        return False
    bound = QuadraticBound(stages, least_edge_s, bottleneck_s)
    search = _Multiplied(bound)
    for number in range(1, _ROUNDS + 1):
        search.round()
        if number == 1 and bound.measure(search.signs).transfer < _PROMISING:
            return False
        if number >= _FIRST_PROOF and bound.proves(search.multipliers, search.signs):
            return True
    return False


class _Multiplied:
    """The method of multipliers."""

    def __init__(self, bound: QuadraticBound) -> None:
        self._bound = bound
        self.multipliers = Multipliers(1.0, 1.0, np.zeros(bound.arcs))
        self._closed_penalty, self._penalty = _CLOSED_PENALTY * max(bound.mean_sent, 1e-6), _PENALTY
        start = 0.5 * np.random.default_rng(2019).normal(size=(bound.vertices, _RANK))
        # A few layers on the edge: most signs begin away from that of the inputs.
        start[:, 0] -= 0.6
        self.signs = _unit(start)[0]

    def round(self) -> None:
        """Moves the vectors, then the multipliers."""
        free, _, _ = fmin_l_bfgs_b(self._augmented, self.signs[1:].ravel(), m=8, maxiter=_STEPS, maxfun=2 * _STEPS)
        self.signs = _unit(np.concatenate([self.signs[:1], free.reshape(-1, _RANK)]))[0]
        self.multipliers = self._moved(self._bound.measure(self.signs))
        self._closed_penalty *= _GROWTH
        self._penalty *= _GROWTH

    def _moved(self, measured: Measured) -> Multipliers:
        return Multipliers(
            max(0.0, self.multipliers.cloud + self._penalty * measured.cloud),
            max(0.0, self.multipliers.between + self._penalty * measured.between),
            self.multipliers.closed + self._closed_penalty * measured.closed,
        )

    def _augmented(self, free: FloatArray) -> tuple[float, FloatArray]:
        """Returns the augmented Lagrangian and its gradient in the vectors, which need not have length 1."""
        signs, length = _unit(np.concatenate([self.signs[:1], free.reshape(-1, _RANK)]))
        measured = self._bound.measure(signs)
        moved, closed = self._moved(measured), measured.closed
        value = (
            measured.transfer
            + float((self.multipliers.closed + self._closed_penalty / 2.0 * closed) @ closed)
            + (moved.cloud**2 + moved.between**2) / (2.0 * self._penalty)
        )
        slope = self._bound.gradient(self._bound.form(moved), signs)
        slope -= np.einsum("ij,ij->i", slope, signs)[:, np.newaxis] * signs
        return value, (slope / length)[1:].ravel()


def _unit(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns the vectors at length 1, the first along the first axis, and their lengths: [vertices, 1]."""
    length = np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-300)[:, np.newaxis]
    signs: FloatArray = vectors / length
    signs[0] = np.eye(1, vectors.shape[1])
    return signs, length
