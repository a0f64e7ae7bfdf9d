"""What is left of a problem once some layers are placed: a smaller flow network.

Layers placed on the edge are a closed set, layers placed in the cloud a set that holds all their successors. The
network keeps only what the free layers can still change:

* a placed layer on the edge whose tensor certainly crosses, or certainly does not, adds a constant;
* one whose tensor crosses unless all its free readers come to the edge stays, as an input;
* a free layer with a reader placed in the cloud sends its tensor whenever it is on the edge: part of its cost there.
"""

import numpy as np

from partitioner.scan import FloatArray
from partitioner.searched.min_cut import Arcs, BoolArray, CutNetwork, IntArray, Weights
from partitioner.searched.problem import Problem


class Remainder:
    """The network of the free layers.

    Args:
        problem: The whole problem.
        inside: bool [layers]: placed on the edge; closed, with all model inputs.
        outside: bool [layers]: placed in the cloud, with all their successors.
    """

    def __init__(self, problem: Problem, inside: BoolArray, outside: BoolArray) -> None:
        self._inside = inside
        self.placed = problem.stages(inside, outside)
        free = ~inside & ~outside
        read, reader = problem.network.arcs.read, problem.network.arcs.reader
        sends_anyway = np.zeros_like(free)
        sends_anyway[read[outside[reader]]] = True
        read_by_free = np.zeros_like(free)
        read_by_free[read[free[reader]]] = True
        self._kept = np.flatnonzero(free | (inside & read_by_free & ~sends_anyway))

        # Vertex 0 is an input that costs nothing: a layer that reads only placed layers must not become an input.
        self._network = CutNetwork(_kept_arcs(problem.network.arcs, self._kept, free))
        placed = ~free[self._kept]
        sent = np.stack([problem.encode, problem.up, problem.decode])[:, self._kept]
        free_to_send = sends_anyway[self._kept]
        self._edge = _with_zero(problem.edge[self._kept], placed)
        self._cloud = _with_zero(problem.cloud[self._kept], placed)
        self._down = _with_zero(problem.down[self._kept], placed)
        self._sent_anyway = _with_zero(sent, ~free_to_send)
        self._sent = _with_zero(sent, free_to_send)

    def minimum(self, weights: FloatArray, precision: float = 0.0) -> tuple[BoolArray, float]:
        """Minimises a weighted sum of the stages.

        Args:
            weights: float64 [3], at least 0: of Te, Tt, Tc.
            precision: See `partitioner.searched.min_cut.CutNetwork.minimum`.

        Returns:
            bool [layers]: the split that was found; and a lower bound on the weighted sum of every split that keeps the
            placed layers.
        """
        edge, transfer, cloud = weights.tolist()
        cut = self._network.minimum(
            Weights(
                edge=edge * self._edge + weights @ self._sent_anyway,
                cloud=cloud * self._cloud + transfer * self._down,
                send=weights @ self._sent,
            ),
            precision,
        )
        inside = self._inside.copy()
        inside[self._kept] = cut.inside[1:]
        return inside, cut.lower_bound + float(self.placed @ weights)


def _kept_arcs(whole: Arcs, kept: IntArray, free: BoolArray) -> Arcs:
    """Numbers the kept layers from 1 on, in graph order; a free one that reads none of them reads vertex 0."""
    number = np.zeros(whole.count, dtype=np.intp)
    number[kept] = np.arange(1, len(kept) + 1)
    stays = free[whole.reader] & (number[whole.read] > 0)
    read, reader = number[whole.read[stays]], number[whole.reader[stays]]
    reads = np.bincount(reader, minlength=len(kept) + 1) > 0
    lone = 1 + np.flatnonzero(free[kept] & ~reads[1:])
    placed = 1 + np.flatnonzero(~free[kept])
    return Arcs(
        count=len(kept) + 1,
        inputs=np.concatenate([[0], placed]),
        read=np.concatenate([np.zeros_like(lone), read]),
        reader=np.concatenate([lone, reader]),
    )


def _with_zero(numbers: FloatArray, without: BoolArray) -> FloatArray:
    zero = np.zeros((*numbers.shape[:-1], 1))
    return np.concatenate([zero, np.where(without, 0.0, numbers)], axis=-1)
