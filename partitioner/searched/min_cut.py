"""Minimum cut: the split of the smallest weighted sum of the three stages.

The network is that of DADS (section III-B), with what the paper leaves out in bold:

* source -> v with the cost of v in the cloud (cut when v is there), v -> sink with the cost of v on the edge;
* a layer with one successor: an arc to it with the cost of sending; a layer with more: an arc with that cost to a
  virtual vertex v', and from there infinite arcs to the successors, so that a tensor is sent once;
* **for each arc of the model an infinite arc back**, successor -> predecessor: a layer on the edge has its
  predecessors there, otherwise sending data back would cost nothing;
* **an infinite arc source -> model input**: the data arises on the edge. Outputs that cannot be sent stay there too,
  with all before them.

Sending an output down is part of the output's cost in the cloud.

scipy's maximum flow has 32-bit capacities, and larger ones overflow silently. So real capacities are approximated in
rounds. The flow that is still missing is at most the gap between the best cut known and the flow found so far. Residual
capacities are rounded *down* to multiples of gap / 2^29, so every round's flow is valid in the real network, and the
sum of the flows is a lower bound on every cut (duality). Each round shrinks the gap by about 2^29 / arcs. Two or three
rounds close it to the precision of a float, for times from 1 µs to 100 s.

References: C. Hu, W. Bao, D. Wang, F. Liu, INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614; closure problems as cuts:
J.-C. Picard, "Maximal Closure of a Graph and Applications to Combinatorial Problems", Management Science 22 (1976),
doi:10.1287/mnsc.22.11.1268.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from partitioner.graph import Structure
from partitioner.scan import FloatArray

if TYPE_CHECKING:
    from scipy import sparse

_ROUNDS = 10
_FINITE = 2**29
_INFINITE = 2**30
# Sums over thousands of arcs are no more precise than this.
_PRECISION = 1e-12

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """The part of a graph that cuts need, by position.

    Attributes:
        count: How many layers it has.
        inputs: int [inputs]: the layers that are on the edge in every split; the model inputs are among them.
        read: int [arcs]: the layer read by each arc of the model.
        reader: int [arcs]: its reader.
    """

    count: int
    inputs: IntArray
    read: IntArray
    reader: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What a split pays for each layer: float64 [layers] each, finite, at least 0.

    Attributes:
        edge: If the layer is on the edge.
        cloud: If it is in the cloud; for an output, with sending its value down.
        send: If it is on the edge and a successor is in the cloud.
    """

    edge: FloatArray
    cloud: FloatArray
    send: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A split found by minimum cut.

    Attributes:
        inside: bool [layers]: which layers are on the edge; closed, with all model inputs.
        cost: Its weighted sum.
        lower_bound: No split costs less; equal to `cost`, up to the precision of floats, if the flow was maximal.
    """

    inside: BoolArray
    cost: float
    lower_bound: float

    @property
    def is_minimum(self) -> bool:
        """Whether the bound proves that no split costs less."""
        return self.cost - self.lower_bound <= _PRECISION * self.cost


class CutNetwork:
    """The flow network of one graph, for any weights.

    Args:
        arcs: The graph; see `model_arcs`.

    Attributes:
        arcs: The graph.

    Complexity: memory O(layers + arcs); each `minimum` takes a few maximum flows by Dinic's algorithm.
    """

    def __init__(self, arcs: Arcs) -> None:
        self.arcs = arcs
        self._count, self._inputs = arcs.count, arcs.inputs
        self._read, self._reader = arcs.read, arcs.reader
        readers = np.bincount(arcs.read, minlength=arcs.count)
        self._senders = np.flatnonzero(readers)
        source, sink = self._count, self._count + 1
        shared = np.flatnonzero(readers > 1)
        vertices = sink + 1 + len(shared)
        # Where a layer sends its tensor: to its only reader, or to its virtual vertex.
        sends_to = np.empty(self._count, dtype=np.intp)
        sends_to[arcs.read] = arcs.reader
        sends_to[shared] = np.arange(sink + 1, vertices)
        from_virtual = readers[arcs.read] > 1

        layers = np.arange(self._count)
        everywhere = np.ones_like(layers)
        virtual, its_reader = sends_to[arcs.read[from_virtual]], arcs.reader[from_virtual]
        tails = np.concatenate([source * everywhere, layers, self._senders, virtual, arcs.reader])
        heads = np.concatenate([layers, sink * everywhere, sends_to[self._senders], its_reader, arcs.read])
        self._infinite_arcs = np.full(len(virtual) + len(arcs.reader), math.inf)
        # Every arc has its reverse in the pattern, so that flows and residuals share one set of indices.
        pattern = np.sort(np.concatenate([tails * vertices + heads, heads * vertices + tails]))
        pattern = pattern[np.diff(pattern, prepend=-1) > 0]
        self._entry = np.searchsorted(pattern, tails * vertices + heads)
        self._indices = (pattern % vertices).astype(np.int32)
        self._indptr = np.searchsorted(pattern, np.arange(vertices + 1) * vertices).astype(np.int32)
        self._source, self._sink = source, sink

    def minimum(self, weights: Weights, precision: float = 0.0) -> Cut:
        """Returns a split of the smallest weighted sum.

        Args:
            weights: What a split pays for each layer.
            precision: Largest gap between cost and bound, as a share of the cost. Each round of flow takes as long as
                the first and gains about four digits; one round is enough if the bound is only compared.
        """
        # The smaller of a layer's two costs is always paid; only the difference becomes a capacity.
        common = np.minimum(weights.edge, weights.cloud)
        common[self._inputs] = weights.edge[self._inputs]
        paid_anyway = math.fsum(common)
        capacity = self._capacities(weights, common)
        flow, bound = np.zeros_like(capacity), paid_anyway
        best = min((self._cut(inside, weights) for inside in self._trivial_splits()), key=lambda cut: cut.cost)
        for _ in range(_ROUNDS):
            quantum = (best.cost - bound) / _FINITE
            if best.cost - bound <= max(precision, _PRECISION) * best.cost or quantum == 0.0:
                break
            added, inside = self._round(np.maximum(capacity - flow, 0.0), quantum)
            flow += added
            # Net flow out of the source; summed again, so that rounding errors of the rounds do not accumulate.
            bound = math.fsum([paid_anyway, *flow[self._indptr[self._source] : self._indptr[self._source + 1]]])
            best = min(best, self._cut(inside, weights), key=lambda cut: cut.cost)
        return Cut(best.inside, best.cost, min(best.cost, bound))

    def _round(self, residual: FloatArray, quantum: float) -> tuple[FloatArray, BoolArray]:
        """Returns a maximum flow in multiples of `quantum`, and the layers that the source then still reaches."""
        from scipy.sparse import csgraph  # noqa: PLC0415  # 20 MB that only wide models need

        with np.errstate(over="ignore"):
            whole = np.minimum(np.floor(residual / quantum), _INFINITE).astype(np.int32)
        result = csgraph.maximum_flow(self._matrix(whole), self._source, self._sink)
        units = result.flow.data
        left = self._matrix(whole - units)
        left.eliminate_zeros()
        reached = csgraph.breadth_first_order(left, self._source, return_predecessors=False)
        inside = np.zeros(len(self._indptr) - 1, dtype=np.bool_)
        inside[reached] = True
        return units * quantum, inside[: self._count]

    def _matrix(self, data: npt.NDArray[np.int32]) -> "sparse.csr_array":
        from scipy import sparse  # noqa: PLC0415  # see above

        vertices = len(self._indptr) - 1
        return sparse.csr_array((data, self._indices.copy(), self._indptr.copy()), shape=(vertices, vertices))

    def _capacities(self, weights: Weights, common: FloatArray) -> FloatArray:
        cloud = weights.cloud - common
        cloud[self._inputs] = math.inf
        arcs = np.concatenate([cloud, weights.edge - common, weights.send[self._senders], self._infinite_arcs])
        return np.bincount(self._entry, weights=arcs, minlength=len(self._indices)).astype(np.float64, copy=False)

    def _trivial_splits(self) -> tuple[BoolArray, BoolArray]:
        """Returns edge-only and cloud-only."""
        cloud_only = np.zeros(self._count, dtype=np.bool_)
        cloud_only[self._inputs] = True
        return np.ones(self._count, dtype=np.bool_), cloud_only

    def _cut(self, inside: BoolArray, weights: Weights) -> Cut:
        crosses = np.zeros(self._count, dtype=np.bool_)
        crosses[self._read[inside[self._read] & ~inside[self._reader]]] = True
        parts = (weights.edge[inside], weights.cloud[~inside], weights.send[crosses])
        return Cut(inside, math.fsum(np.concatenate(parts)), 0.0)


def model_arcs(structure: Structure) -> Arcs:
    """Returns the arcs of a graph."""
    ends = [(read, reader) for reader, sources in enumerate(structure.predecessors) for read in sources]
    arcs = np.array(ends, dtype=np.intp).reshape(-1, 2)
    kept = np.array(structure.kept, dtype=np.intp)
    return Arcs(len(structure.predecessors), kept, arcs[:, 0], arcs[:, 1])
