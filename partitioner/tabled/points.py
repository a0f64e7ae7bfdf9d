"""Split points: chosen splits in encodings, with their four numbers and the names of their layers."""

import math

import numpy as np
import numpy.typing as npt

from partitioner.costs import CostProfile
from partitioner.encodings import Encoding
from partitioner.evaluate import crossing
from partitioner.graph import LayerGraph
from partitioner.scan import Choices, FloatArray
from partitioner.searched.min_cut import BoolArray
from partitioner.tabled.layer_numbers import Crossings, layer_numbers, price_splits

# Sums of thousands of floats are no more precise than this.
_TIE = 1.0 + 1e-12
_BLOCK = 256

IntArray = npt.NDArray[np.intp]


class Points:
    """Splits in encodings, priced for one profile.

    Args:
        graph: The model.
        costs: The profile; valid for the graph.
        encodings: The encodings; valid for the graph.
        inside: bool [splits, layers]: splits as `partitioner.tabled.layer_numbers.distinct` orders them.
        pairs: int [pairs, 2]: which split in which encoding, in ascending order; None for every pair.
        thin: Leave out pairs that another one is never worse than. That takes longer than a price.

    Attributes:
        choices: The points as a scan takes them; the last one is edge-only, which is always added.
        encoding: int [points]: the number of each point's encoding.
        encode_s: float64 [points]: seconds that encoding takes.
        decode_s: float64 [points]: seconds that decoding takes.
    """

    def __init__(
        self,
        graph: LayerGraph,
        costs: CostProfile,
        encodings: tuple[Encoding, ...],
        inside: BoolArray,
        pairs: IntArray | None = None,
        *,
        thin: bool = False,
    ) -> None:
        offloads = ~inside.all(axis=1)
        if pairs is None:
            pairs = np.argwhere(np.broadcast_to(offloads[:, np.newaxis], (len(inside), len(encodings))))
        else:
            pairs = pairs[offloads[pairs[:, 0]]]
        # All pairs are kept for other prices; at these, a pair that sends what is never sent is no point.
        self._graph, self._bits, self._pairs = graph, np.packbits(inside, axis=1), pairs
        layers = [layer_numbers(graph, costs, each) for each in encodings]
        rows = price_splits(inside, Crossings(graph.structure), layers)[pairs[:, 1], pairs[:, 0]]
        kept = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if thin:
            kept = kept[not_dominated(rows[kept, :4])]
        edge_only = np.array([[math.fsum(costs.edge_s), 0.0, 0.0, 0.0, 0.0, 0.0]])
        columns = np.ascontiguousarray(np.concatenate([rows[kept], edge_only]).T)
        self.choices = Choices(*columns[:4], tie=_TIE)
        self.encode_s, self.decode_s = columns[4:]
        self._split: IntArray = pairs[kept, 0]
        self.encoding: IntArray = np.append(pairs[kept, 1], 0)
        self._names: dict[int, tuple[frozenset[str], tuple[str, ...]]] = {}

    def __len__(self) -> int:
        return len(self.encoding)

    def priced(self, graph: LayerGraph, costs: CostProfile, encodings: tuple[Encoding, ...], *, same: bool) -> "Points":
        """Returns the same splits at other prices; in the same encodings, or each in every encoding."""
        inside = np.unpackbits(self._bits, axis=1, count=len(graph)).astype(np.bool_)
        return Points(graph, costs, encodings, inside, self._pairs if same else None)

    def edge_and_cut(self, point: int) -> tuple[frozenset[str], tuple[str, ...]]:
        """Returns the names of a point's layers on the edge, and of those whose tensors are sent; made once."""
        split = int(self._split[point]) if point < len(self._split) else -1
        names = self._names.get(split)
        if names is None:
            layers = self._graph.layers
            inside = frozenset(range(len(layers)))
            if split >= 0:
                bits = np.unpackbits(self._bits[split], count=len(layers))
                inside = frozenset(np.flatnonzero(bits).tolist())
            cut = tuple(layers[i].name for i in crossing(self._graph, inside))
            names = self._names[split] = frozenset(layers[i].name for i in inside), cut
        return names


def not_dominated(rows: FloatArray) -> IntArray:
    """Returns the rows, ascending, that no other row is never worse than; of equal rows, the first.

    Args:
        rows: float64 [rows, numbers].

    Complexity: O(rows squared x numbers) at worst, in blocks.
    """
    # A row that is never worse has a sum that is not larger, so only rows before it in this order can be that.
    order = np.lexsort((np.arange(len(rows)), rows.sum(axis=1)))
    kept = np.empty((0, rows.shape[1]))
    numbers: list[IntArray] = []
    for begin in range(0, len(rows), _BLOCK):
        block = order[begin : begin + _BLOCK]
        block = block[~_beaten(rows[block], kept)]
        inner = rows[block]
        worse = (inner[:, np.newaxis] >= inner[np.newaxis]).all(axis=2) & np.tri(len(block), k=-1, dtype=np.bool_)
        block = block[~worse.any(axis=1)]
        numbers.append(block)
        kept = np.concatenate([kept, rows[block]])
    return np.sort(np.concatenate(numbers)) if numbers else np.empty(0, dtype=np.intp)


def _beaten(rows: FloatArray, kept: FloatArray) -> BoolArray:
    beaten = np.ones((len(rows), len(kept)), dtype=np.bool_)
    for column in range(rows.shape[1]):
        beaten &= rows[:, column, np.newaxis] >= kept[np.newaxis, :, column]
    return np.asarray(beaten.any(axis=1))
