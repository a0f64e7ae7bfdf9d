"""Splits on the way from one split of the hull to another: candidates for heavy load where there is no frontier.

Under heavy load the best split is mostly not on the hull, but between two of its splits. Intersection and union of two
splits are splits, and so is every step from one to the other when layers join in graph order (as in
`partitioner.searched.walks`, which looks for the best step for one question).
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from partitioner.searched.min_cut import BoolArray
from partitioner.tabled.lower_hull import LowerHull


def ways(hull: LowerHull, most_steps: int) -> BoolArray:
    """Returns splits between those of the hull: bool [splits, layers].

    The ways lead from the splits with the most and the fewest seconds on the edge to all others, then between splits
    whose seconds are next to each other's.

    Args:
        hull: The lower hull.
        most_steps: No further way is taken once there are so many splits.
    """
    splits = hull.inside[np.argsort(hull.rows[:, 0], kind="stable")]
    pairs = [*((splits[-1], each) for each in splits), *((splits[0], each) for each in splits), *pairwise(splits)]
    found, count = [hull.inside[:0]], 0
    for one, other in pairs:
        for low, high in ((one & other, one), (one & other, other), (one, one | other), (other, one | other)):
            if count < most_steps:
                found.extend(_steps(low, high))
                count += len(found[-1])
    return np.concatenate(found)


def _steps(low: BoolArray, high: BoolArray) -> Iterator[BoolArray]:
    """Yields the splits strictly between two nested ones, if there are any."""
    added = np.flatnonzero(high & ~low)
    if len(added) > 1:
        steps = np.repeat(low[np.newaxis], len(added) - 1, axis=0)
        steps[:, added[:-1]] = np.tri(len(added) - 1, dtype=np.bool_)
        yield steps
