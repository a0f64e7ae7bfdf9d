"""Corners of the lower envelope: the weights at which a set of splits may still miss a better one.

For weights w >= 0, let g(w) be the least weighted sum over some splits, and f(w) over all splits. Both are concave and
grow in proportion to the weights, so they need only be compared on the simplex of weights that sum to 1. There g is
linear on cells, one for each split, and f is concave: if the two are equal at the corners of a cell, they are equal in
all of it. So g = f everywhere when they are equal at every corner, and each corner where they differ shows a split
that was missed.

Reference: the corners are found by Qhull, C. B. Barber, D. P. Dobkin, H. Huhdanpaa, "The Quickhull Algorithm for
Convex Hulls", ACM Transactions on Mathematical Software 22 (1996), doi:10.1145/235815.235821.
"""

import numpy as np

from partitioner.scan import FloatArray

# Weights closer to 0 than this, and corners closer to each other, are rounding errors of Qhull.
_PRECISION = 1e-11


def envelope_corners(rows: FloatArray) -> FloatArray:
    """Returns the corners of all cells of the lower envelope.

    Args:
        rows: float64 [splits, numbers]: at least one split, its numbers at most about 1.

    Returns:
        float64 [corners, numbers]: weights, at least 0, with a sum of 1.
    """
    from scipy.spatial import HalfspaceIntersection  # noqa: PLC0415  # 20 MB that only wide models need

    count = rows.shape[1]
    # The free coordinates are all weights but the last, and the height, which is below every split's weighted sum.
    planes = np.zeros((len(rows) + count + 1, count + 1))
    planes[: len(rows), : count - 1] = rows[:, -1:] - rows[:, :-1]
    planes[: len(rows), count - 1] = 1.0
    planes[: len(rows), count] = -rows[:, -1]
    planes[len(rows) : len(rows) + count - 1, : count - 1] = -np.eye(count - 1)
    planes[len(rows) + count - 1, : count - 1] = 1.0
    planes[len(rows) + count - 1, count] = -1.0
    planes[len(rows) + count, count - 1] = -1.0
    planes[len(rows) + count, count] = -1.0
    centre = np.full(count, 1.0 / count)
    centre[-1] = -0.5
    found = HalfspaceIntersection(planes, centre).intersections
    found = found[np.isfinite(found).all(axis=1) & (found[:, -1] > -0.5)]
    weights = np.column_stack([found[:, :-1], 1.0 - found[:, :-1].sum(axis=1)])
    weights[weights < _PRECISION] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    _, first = np.unique(np.round(weights / _PRECISION), axis=0, return_index=True)
    return np.asarray(weights[np.sort(first)], dtype=np.float64)
