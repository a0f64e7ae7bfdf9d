"""Heavy load: splits of which one is within a proven factor of the best of all, for any link, load and rate.

A heavy price is the largest of the stages, and the best split is mostly not on the hull. So a frontier in all four
numbers is needed, which is far too large to be exact. Layers are placed one after the other (see
`partitioner.tabled.state_graph`); in each state, labels that cost nearly the same are merged with a certificate (see
`partitioner.tabled.merging`). At the end, every split that offloads is represented by one whose numbers are at most a
factor 1 + eps above the least of all it stands for. So the best of the numbers is an answer, the best of the least
numbers is a bound, and their ratio is at most 1 + eps: for any weights, and for the largest of the stages.

Reference: merging within a factor is the approximation scheme of A. Warburton, "Approximation of Pareto Optima in
Multiple-Objective, Shortest-Path Problems", Operations Research 35 (1987), doi:10.1287/opre.35.1.70; the certificate,
which keeps the factor from accumulating over the steps, is ours.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partitioner.scan import FloatArray
from partitioner.searched.min_cut import BoolArray
from partitioner.tabled.layer_numbers import LayerNumbers
from partitioner.tabled.merging import merge
from partitioner.tabled.state_graph import StateArray, StateGraph, Step

# If all of eps were allowed from the start, the first merges would use it up, and later ones would find nothing.
_FIRST_SHARE = 0.15
# Labels are merged when they have become this many times as many, and some more.
_GROWTH, _MORE = 2.0, 16


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Splits that stand for all splits but edge-only, in one encoding.

    Attributes:
        inside: bool [splits, layers]: which layers are on the edge.
        least: float64 [splits, 4]: the least E, U, D, C of all that each of them stands for.
    """

    inside: BoolArray
    least: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """The labels after a step.

    Attributes:
        labels: float64 [labels, 8]: what the layers placed so far cost, then the least of all it stands for.
        states: int32 [labels].
        parent: int32 [labels]: the label before this step.
        on_edge: bool [labels]: where the layer was placed.
    """

    labels: FloatArray
    states: StateArray
    parent: npt.NDArray[np.int32]
    on_edge: BoolArray

    def only(self, labels: FloatArray, kept: npt.NDArray[np.intp]) -> "_Placed":
        return _Placed(labels, self.states[kept], self.parent[kept], self.on_edge[kept])


def frontier(
    graph: StateGraph, numbers: LayerNumbers, eps: float, most_bits: float, most_pairs: float, most_labels: int
) -> Frontier | None:
    """Builds a frontier; None if that takes too much.

    Args:
        graph: The states.
        numbers: The profile and the encoding.
        eps: The factor is 1 + eps.
        most_bits: Splits that send more down are left out. (What goes up is limited before it is encoded.)
        most_pairs: How many pairs of labels may be compared, about.
        most_labels: How many labels may be kept in all steps together.
    """
    costs = _StepCosts(graph, numbers)
    now = _Placed(
        np.zeros((1, 8)), np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.bool_)
    )
    history: list[tuple[npt.NDArray[np.int32], BoolArray]] = []
    merged, last, labels, pairs = 1, len(graph.steps) - 1, 0, 0.0
    for i, step in enumerate(graph.steps):
        now = costs.place(now, step)
        if most_bits < np.inf:
            fits = np.flatnonzero(now.labels[:, 6] <= most_bits)
            now = now.only(now.labels[fits], fits)
        if len(now.states) > merged * _GROWTH + _MORE or i == last:
            before = np.bincount(now.states)
            share = _FIRST_SHARE + (1.0 - _FIRST_SHARE) * i / max(1, last)
            now = now.only(*merge(now.labels, now.states, share * eps))
            pairs += float(before @ np.bincount(now.states, minlength=len(before)))
            merged = len(now.states)
        labels += len(now.states)
        if pairs > most_pairs or labels > most_labels:
            return None
        history.append((now.parent, now.on_edge))
    offloads = np.flatnonzero(now.states > 0)
    return Frontier(_inside(graph, history, offloads), now.labels[offloads, 4:])


def _inside(
    graph: StateGraph, history: list[tuple[npt.NDArray[np.int32], BoolArray]], labels: npt.NDArray[np.intp]
) -> BoolArray:
    """Walks back from the last labels to the first one: bool [labels, layers]."""
    inside = np.zeros((len(labels), len(graph.steps)), dtype=np.bool_)
    for step, (parent, on_edge) in zip(reversed(graph.steps), reversed(history), strict=True):
        inside[:, step.layer] = on_edge[labels]
        labels = parent[labels].astype(np.intp)
    return inside


class _StepCosts:
    """What each step adds to a label: E, U, D, C; inf where a value would be sent that never is."""

    def __init__(self, graph: StateGraph, numbers: LayerNumbers) -> None:
        nothing = np.zeros_like(numbers.edge_s)
        here = np.column_stack([numbers.edge_s, nothing, nothing, nothing])
        sent = np.column_stack([numbers.encode_s, numbers.bits_up, nothing, numbers.decode_s])
        away = np.column_stack([nothing, nothing, numbers.bits_down, numbers.cloud_s])
        # By whether the layer's own tensor is sent.
        self._here = _twice(np.stack([here, here + sent]))
        self._doomed, self._sent = _sums(graph.layer_sets, away), _sums(graph.layer_sets, sent)

    def place(self, now: _Placed, step: Step) -> _Placed:
        """Places a layer in all ways."""
        here = self._here[:, step.layer]
        away = _twice(self._doomed[step.dooms] + self._sent[step.pays])
        edge, cloud = step.edge[now.states], step.cloud[now.states]
        sends = step.sends[now.states]
        on_edge = np.flatnonzero((edge >= 0) & _is_possible(here)[sends])
        in_cloud = np.flatnonzero((cloud >= 0) & _is_possible(away)[now.states])
        return _Placed(
            np.concatenate(
                [now.labels[on_edge] + here[sends[on_edge]], now.labels[in_cloud] + away[now.states[in_cloud]]]
            ),
            np.concatenate([edge[on_edge], cloud[in_cloud]]),
            np.concatenate([on_edge, in_cloud]).astype(np.int32),
            np.arange(len(on_edge) + len(in_cloud)) < len(on_edge),
        )


def _is_possible(costs: FloatArray) -> BoolArray:
    return np.asarray(np.isfinite(costs).all(axis=1))


def _twice(costs: FloatArray) -> FloatArray:
    """A label's numbers and its least numbers both grow by what is added."""
    return np.concatenate([costs, costs], axis=-1)


def _sums(sets: BoolArray, costs: FloatArray) -> FloatArray:
    """Adds up the costs of each set of layers: float64 [sets, 4]."""
    never = np.isinf(costs)
    total: FloatArray = sets.astype(np.float64) @ np.where(never, 0.0, costs)
    for column in range(costs.shape[1]):
        total[sets[:, never[:, column]].any(axis=1), column] = np.inf
    return total
