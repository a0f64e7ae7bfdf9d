"""What is left of a problem when some layers already have their side: a smaller flow network.

Layers placed on the edge are a closed set, layers placed in the cloud a set that holds all their successors. Of both,
only what the free layers can still change stays in the network:

* a placed layer on the edge whose tensor crosses for sure, or for sure does not, adds a constant;
* one whose tensor crosses unless all its free readers come to the edge stays, as an input;
* a free layer with a reader placed in the cloud sends its tensor whenever it is on the edge: part of its cost there.
"""

from dataclasses import dataclass

import numpy as np

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph, Structure
from partitioner.listed.closed_sets import FloatArray
from partitioner.searched.lowest_latency import stage_weights
from partitioner.searched.min_cut import Arcs, BoolArray, CutNetwork, IntArray, Weights, model_arcs


@dataclass(frozen=True, slots=True, eq=False)
class StageArrays:
    """What each layer adds to each stage, in seconds: float64 [layers] each.

    Attributes:
        edge: To Te, on the edge.
        encode: To Te, on the edge with a reader in the cloud.
        up: To Tt, likewise.
        decode: To Tc, likewise.
        down: To Tt, in the cloud.
        cloud: To Tc, in the cloud.
        arcs: Who reads whom.
        structure: The same by layer.
    """

    edge: FloatArray
    encode: FloatArray
    up: FloatArray
    decode: FloatArray
    down: FloatArray
    cloud: FloatArray
    arcs: Arcs
    structure: Structure

    @classmethod
    def of(cls, graph: LayerGraph, costs: CostProfile, link: Link, encoding: Encoding | None = None) -> "StageArrays":
        """Prices every layer."""
        edge = stage_weights(graph, costs, link, encoding, transfer=0.0, cloud=0.0)
        transfer = stage_weights(graph, costs, link, encoding, edge=0.0, cloud=0.0)
        cloud = stage_weights(graph, costs, link, encoding, edge=0.0, transfer=0.0)
        sending = (edge.send, transfer.send, cloud.send)
        arcs = model_arcs(graph.structure)
        return cls(edge.edge, *sending, transfer.cloud, cloud.cloud, arcs, graph.structure)

    def of_split(self, inside: BoolArray, outside: BoolArray | None = None) -> FloatArray:
        """Returns Te, Tt, Tc of what is placed; without `outside`, everything else is in the cloud."""
        outside = ~inside if outside is None else outside
        crosses = np.zeros(len(inside), dtype=np.bool_)
        read, reader = self.arcs.read, self.arcs.reader
        crosses[read[inside[read] & outside[reader]]] = True
        return np.array(
            [
                self.edge[inside].sum() + self.encode[crosses].sum(),
                self.up[crosses].sum() + self.down[outside].sum(),
                self.cloud[outside].sum() + self.decode[crosses].sum(),
            ]
        )


class Remainder:
    """The network of the free layers.

    Args:
        stages: The whole problem.
        inside: bool [layers]: placed on the edge; closed, with all model inputs.
        outside: bool [layers]: placed in the cloud, with all their successors.
    """

    def __init__(self, stages: StageArrays, inside: BoolArray, outside: BoolArray) -> None:
        self._inside = inside
        self.placed = stages.of_split(inside, outside)
        free = ~inside & ~outside
        read, reader = stages.arcs.read, stages.arcs.reader
        sends_anyway = np.zeros_like(free)
        sends_anyway[read[outside[reader]]] = True
        read_by_free = np.zeros_like(free)
        read_by_free[read[free[reader]]] = True
        self._kept = np.flatnonzero(free | (inside & read_by_free & ~sends_anyway))

        # Vertex 0 is an input that costs nothing: what reads only placed layers must not become an input itself.
        self._network = CutNetwork(_kept_arcs(stages.arcs, self._kept, free))
        placed = ~free[self._kept]
        sent = np.stack([stages.encode, stages.up, stages.decode])[:, self._kept]
        free_to_send = sends_anyway[self._kept]
        self._edge = _with_zero(stages.edge[self._kept], placed)
        self._cloud = _with_zero(stages.cloud[self._kept], placed)
        self._down = _with_zero(stages.down[self._kept], placed)
        self._sent_anyway = _with_zero(sent, ~free_to_send)
        self._sent = _with_zero(sent, free_to_send)

    def minimum(self, weights: FloatArray, precision: float = 0.0) -> tuple[BoolArray, float]:
        """Minimises a weighted sum of the stages.

        Args:
            weights: float64 [3], at least 0: of Te, Tt, Tc.
            precision: See `partitioner.searched.min_cut.CutNetwork.minimum`.

        Returns:
            bool [layers]: a whole split that was found; and a bound: no split that keeps what is placed has a smaller
            weighted sum.
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
