"""A bound on the bottleneck in two cases: splits with little on the edge, and splits with much.

On a graph without narrow places, weighted cuts prove little because they may mix edge-only and cloud-only. Either case
rules that out. Where Te <= e, edge-only can have no more than a share of e in the mix, and a few weighted cuts prove
nearly what the best split takes. Where Te >= e, both sides have so much that much must be sent: more than the best
split does, so that a rough proof by quadratic forms is enough (see `partitioner.searched.quadratic_bound`).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog

from partitioner.listed.closed_sets import FloatArray
from partitioner.searched.branch_and_bound import BranchAndBound, Found
from partitioner.searched.dual_bounds import SmallestBottleneckWithin
from partitioner.searched.low_rank import no_split_below
from partitioner.searched.min_cut import BoolArray
from partitioner.searched.remainder import StageArrays

# Beyond what weighted cuts prove at once, the search tree is quick for a while, and the quadratic forms get stronger.
_FURTHER = 1.2


def prove_in_two_cases(
    stages: StageArrays, splits: Sequence[BoolArray], known_s: float, *, ratio: float, most_cuts: int
) -> Found | None:
    """Tries to prove that no split's bottleneck is much below one that is known.

    Args:
        stages: The problem.
        splits: Those known, the best and the extremes of the weighted cuts among them: bool [layers] each.
        known_s: The bottleneck of the best.
        ratio: How far the bound may be from that; above 1.
        most_cuts: About how many minimum cuts the first case may take.

    Returns:
        None if the second case is not proven; else what was found and proven, one within the ratio of the other unless
        the cuts ran out.
    """
    wanted_s = known_s / ratio
    if not 0.0 < wanted_s < math.inf:
        return None
    divide_s = _FURTHER * _least_edge_s(np.array([stages.of_split(split) for split in splits]), wanted_s)
    if not 0.0 < divide_s < wanted_s or not no_split_below(stages, divide_s, wanted_s):
        return None
    tree = BranchAndBound(stages, SmallestBottleneckWithin(divide_s), known_s, splits, gap=ratio)
    found = tree.run(most_cuts)
    return Found(found.inside, min(wanted_s, found.lower_bound_s), found.cuts)


def _least_edge_s(planes: FloatArray, most_s: float) -> float:
    """Returns the smallest Te of a mix of splits whose Tt and Tc are at most `most_s`; 0 where there is none.

    Up to this Te, weighted cuts prove that much without a search, if the splits are those of the best weights.
    """
    planes = planes[np.isfinite(planes).all(axis=1)] / most_s
    if len(planes) == 0:
        return 0.0
    mixed = linprog(
        c=planes[:, 0],
        A_ub=planes[:, 1:].T,
        b_ub=[1.0, 1.0],
        A_eq=np.ones((1, len(planes))),
        b_eq=[1.0],
        method="highs",
    )
    return 0.0 if mixed.x is None else float(mixed.fun) * most_s
