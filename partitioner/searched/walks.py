"""Splits between two splits: candidates that no weighted cut finds.

Weighted cuts only find splits on the convex hull of (Te, Tt, Tc), but under heavy load the best split is mostly inside
it, between two of them. The intersection and the union of two splits are closed sets. So is every set between them when
layers are added in graph order. All of these are priced at once: a tensor crosses from the step that adds its layer to
the step that adds its last reader.
"""

import numpy as np

from partitioner.scan import FloatArray
from partitioner.searched.dual_bounds import Question
from partitioner.searched.min_cut import BoolArray
from partitioner.searched.problem import Problem


def best_on_the_way(problem: Problem, question: Question, one: BoolArray, other: BoolArray) -> tuple[float, BoolArray]:
    """Returns the value of the best split on the walks between two splits, and that split.

    The walks lead from the intersection to the union of the two: through either of them, and directly.

    Args:
        problem: The problem.
        question: What is minimised.
        one: bool [layers]: a split.
        other: bool [layers]: another.

    Complexity: O(layers + arcs), in numpy.
    """
    shared, together = one & other, one | other
    ways = [(shared, one), (one, together), (shared, other), (other, together), (shared, together)]
    # For nested splits, most of these walks are empty.
    found = [_best_between(problem, question, low, high) for low, high in ways if not (low == high).all()]
    return min(found or [_best_between(problem, question, one, one)], key=lambda pair: pair[0])


def _best_between(problem: Problem, question: Question, low: BoolArray, high: BoolArray) -> tuple[float, BoolArray]:
    added = np.flatnonzero(high & ~low)
    values_s = question.values_s(_on_the_way(problem, low, added))
    best = int(values_s.argmin())
    split = low.copy()
    split[added[:best]] = True
    return float(values_s[best]), split


def _on_the_way(problem: Problem, low: BoolArray, added: np.ndarray) -> FloatArray:
    """Prices `low` with the first 0, 1, 2, ... of the added layers: float64 [added + 1, 3]."""
    steps = len(added) + 1
    joins = np.full(len(low), steps)
    joins[low] = 0
    joins[added] = np.arange(1, steps)
    last_reader = np.zeros(len(low), dtype=np.intp)
    np.maximum.at(last_reader, problem.network.arcs.read, joins[problem.network.arcs.reader])
    sent = np.flatnonzero(last_reader > joins)
    begins, ends, outside = joins[sent], last_reader[sent], ~low

    def crossing(numbers: FloatArray) -> FloatArray:
        change = np.bincount(begins, numbers[sent], steps + 1) - np.bincount(ends, numbers[sent], steps + 1)
        return np.cumsum(change)[:steps]

    edge_s = _running(problem.edge[low].sum(), problem.edge[added]) + crossing(problem.encode)
    transfer_s = _running(problem.down[outside].sum(), -problem.down[added]) + crossing(problem.up)
    cloud_s = _running(problem.cloud[outside].sum(), -problem.cloud[added]) + crossing(problem.decode)
    return np.column_stack([edge_s, transfer_s, cloud_s])


def _running(start: float, changes: FloatArray) -> FloatArray:
    return start + np.concatenate([[0.0], np.cumsum(changes)])
