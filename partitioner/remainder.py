"""What is left of a problem when some layers already have their side: a smaller flow network.

Layers placed on the edge are a closed set, layers placed in the cloud a set that holds all their successors. Of both,
only what the free layers can still change stays in the network:

* a placed layer on the edge whose tensor crosses for sure, or for sure does not, adds a constant;
* one whose tensor crosses unless all its free readers come to the edge stays, as an input;
* a free layer with a reader placed in the cloud sends its tensor whenever it is on the edge: part of its cost there.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partitioner.closed_sets import FloatArray
from partitioner.costs import CostProfile, Link
from partitioner.dsl import stage_weights
from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph, Structure
from partitioner.min_cut import BoolArray, CutNetwork, Weights, model_arcs


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
        read: int [arcs]: the layer read by each arc of the model.
        reader: int [arcs]: its reader.
        structure: The graph by position.
    """

    edge: FloatArray
    encode: FloatArray
    up: FloatArray
    decode: FloatArray
    down: FloatArray
    cloud: FloatArray
    read: npt.NDArray[np.intp]
    reader: npt.NDArray[np.intp]
    structure: Structure

    @classmethod
    def of(cls, graph: LayerGraph, costs: CostProfile, link: Link, encoding: Encoding | None = None) -> "StageArrays":
        """Prices every layer."""
        edge = stage_weights(graph, costs, link, encoding, transfer=0.0, cloud=0.0)
        transfer = stage_weights(graph, costs, link, encoding, edge=0.0, cloud=0.0)
        cloud = stage_weights(graph, costs, link, encoding, edge=0.0, transfer=0.0)
        read, reader = model_arcs(graph.structure)
        sending = (edge.send, transfer.send, cloud.send)
        return cls(edge.edge, *sending, transfer.cloud, cloud.cloud, read, reader, graph.structure)

    def of_split(self, inside: BoolArray, outside: BoolArray | None = None) -> FloatArray:
        """Returns Te, Tt, Tc of what is placed; without `outside`, everything else is in the cloud."""
        outside = ~inside if outside is None else outside
        crosses = np.zeros(len(inside), dtype=np.bool_)
        crosses[self.read[inside[self.read] & outside[self.reader]]] = True
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
        sends_anyway = np.zeros_like(free)
        sends_anyway[stages.read[outside[stages.reader]]] = True
        read_by_free = np.zeros_like(free)
        read_by_free[stages.read[free[stages.reader]]] = True
        self._kept = np.flatnonzero(free | (inside & read_by_free & ~sends_anyway))

        # Vertex 0 is an input that costs nothing: what reads only placed layers must not become an input itself.
        self._network = CutNetwork(_structure(stages.structure, self._kept.tolist(), free))
        placed = ~free[self._kept]
        sent = np.stack([stages.encode, stages.up, stages.decode])[:, self._kept]
        free_to_send = sends_anyway[self._kept]
        self._edge = _with_zero(stages.edge[self._kept], placed)
        self._cloud = _with_zero(stages.cloud[self._kept], placed)
        self._down = _with_zero(stages.down[self._kept], placed)
        self._sent_anyway = _with_zero(sent, ~free_to_send)
        self._sent = _with_zero(sent, free_to_send)

    def minimum(self, weights: FloatArray) -> tuple[BoolArray, float]:
        """Minimises a weighted sum of the stages.

        Args:
            weights: float64 [3], at least 0: of Te, Tt, Tc.

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
            )
        )
        inside = self._inside.copy()
        inside[self._kept] = cut.inside[1:]
        return inside, cut.lower_bound + float(self.placed @ weights)


def _structure(whole: Structure, kept: list[int], free: BoolArray) -> Structure:
    """Numbers the kept layers from 1 on, in graph order."""
    number = {layer: j for j, layer in enumerate(kept, start=1)}
    predecessors: list[tuple[int, ...]] = [()]
    successors: list[list[int]] = [[] for _ in range(len(kept) + 1)]
    for j, layer in enumerate(kept, start=1):
        sources = tuple(number[i] for i in whole.predecessors[layer] if i in number) if free[layer] else ()
        predecessors.append(sources or ((0,) if free[layer] else ()))
        for source in predecessors[-1]:
            successors[source].append(j)
    inputs = tuple(j for j, sources in enumerate(predecessors) if not sources)
    return Structure({}, tuple(predecessors), tuple(map(tuple, successors)), inputs, ())


def _with_zero(numbers: FloatArray, without: BoolArray) -> FloatArray:
    zero = np.zeros((*numbers.shape[:-1], 1))
    return np.concatenate([zero, np.where(without, 0.0, numbers)], axis=-1)
