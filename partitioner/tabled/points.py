"""Split points: chosen splits in encodings, with their four numbers and the names of their layers."""

import numpy as np
import numpy.typing as npt

from partitioner.costs import CostProfile
from partitioner.encodings import Encoding
from partitioner.evaluate import crossing
from partitioner.graph import LayerGraph
from partitioner.scan import Choices, FloatArray
from partitioner.searched.min_cut import BoolArray
from partitioner.tabled.layer_numbers import Crossings, colexicographic, layer_numbers, price_splits

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
        inside: bool [splits, layers]: distinct splits; closed, with all model inputs. Edge-only is always added.
        pairs: int [pairs, 2]: which split in which encoding; None for every pair.
        thin: Leave out pairs that another one is never worse than. That takes longer than a price.

    Attributes:
        choices: The points as a scan takes them; the last one is edge-only.
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
        crossings = Crossings(graph.structure)
        layers = [layer_numbers(graph, costs, each) for each in encodings]
        rows = price_splits(inside, crossings, layers)[pairs[:, 1], pairs[:, 0]]
        # All pairs are kept for other prices; here, a pair that sends what is never sent is no point.
        self._bits, self._pairs = np.packbits(inside, axis=1), pairs
        usable = np.isfinite(rows).all(axis=1)
        pairs, rows = pairs[usable], rows[usable]
        # The order decides ties, as in the table of all closed sets.
        place = np.empty(len(inside), dtype=np.intp)
        place[colexicographic(inside)] = np.arange(len(inside))
        order = np.lexsort((pairs[:, 1], place[pairs[:, 0]]))
        pairs, rows = pairs[order], rows[order]
        if thin:
            kept = not_dominated(rows)
            pairs, rows = pairs[kept], rows[kept]

        self._graph = graph
        self._split: IntArray = pairs[:, 0]
        self.encoding: IntArray = np.append(pairs[:, 1], 0)
        edge_only = np.array([[sum(costs.edge_s), 0.0, 0.0, 0.0]])
        self.choices = Choices(*np.ascontiguousarray(np.concatenate([rows, edge_only]).T), tie=_TIE)
        crosses = crossings.of(inside)
        self.encode_s = self._coding(crosses, [each.encode_s for each in layers])
        self.decode_s = self._coding(crosses, [each.decode_s for each in layers])
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

    def _coding(self, crosses: BoolArray, seconds: list[FloatArray]) -> FloatArray:
        total = np.zeros(len(self.encoding))
        for k, each in enumerate(seconds):
            chosen = np.flatnonzero(self.encoding[:-1] == k)
            total[chosen] = crosses[self._split[chosen]] @ each if each.any() else 0.0
        return total


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
