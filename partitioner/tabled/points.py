"""Split points: chosen splits in encodings, with their four numbers and the names of their layers."""

import copy
import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from partitioner.costs import CostProfile
from partitioner.encodings import Encoding
from partitioner.evaluate import crossing
from partitioner.graph import LayerGraph
from partitioner.scan import Choices, FloatArray
from partitioner.searched.min_cut import BoolArray
from partitioner.tabled.layer_numbers import Crossings, layer_numbers, price_splits, unencoded

# Sums of thousands of floats are no more precise than this.
_TIE = 1.0 + 1e-12
_BLOCK = 256

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Splits in encodings, by what depends on no profile: one entry for each pair.

    Attributes:
        split: int: which split.
        encoding: int: which encoding.
        bits_up, bits_down, encode_s, decode_s: float64: see `partitioner.tabled.layer_numbers`.
    """

    split: IntArray
    encoding: IntArray
    bits_up: FloatArray
    bits_down: FloatArray
    encode_s: FloatArray
    decode_s: FloatArray

    def only(self, kept: IntArray | npt.NDArray[np.bool_]) -> "_Pairs":
        return _Pairs(*(getattr(self, each.name)[kept] for each in fields(self)))


class Points:
    """Splits in encodings, priced for one profile; a pair that cannot be sent is no point.

    Args:
        graph: The model.
        costs: The profile; valid for the graph.
        encodings: The encodings; valid for the graph.
        inside: bool [splits, layers]: splits as `partitioner.tabled.layer_numbers.distinct` orders them.
        pairs: int [pairs, 2]: which split in which encoding, in ascending order; None for every pair.

    Attributes:
        choices: The points as a scan takes them; the last one is edge-only, which is always added.
        encode_s: float64 [points]: seconds that encoding takes.
        decode_s: float64 [points]: seconds that decoding takes.
        all_fit: Whether every pair fits in a message.
    """

    def __init__(
        self,
        graph: LayerGraph,
        costs: CostProfile,
        encodings: tuple[Encoding, ...],
        inside: BoolArray,
        pairs: IntArray | None = None,
    ) -> None:
        offloads = np.asarray(~inside.all(axis=1))
        if pairs is None:
            pairs = np.argwhere(np.broadcast_to(offloads[:, np.newaxis], (len(inside), len(encodings))))
        else:
            pairs = pairs[offloads[pairs[:, 0]]]
        self._graph, self._bits = graph, np.packbits(inside, axis=1)
        self._names: dict[int, tuple[frozenset[str], tuple[str, ...]]] = {}
        layers = [layer_numbers(graph, costs, each) for each in encodings]
        if larger := math.fsum(layer.output_bytes for layer in graph.layers) > graph.max_message_bytes:
            layers.append(unencoded(graph, costs))
        numbers = price_splits(inside, Crossings(graph.structure), layers)
        rows = numbers[pairs[:, 1], pairs[:, 0]].T
        usable = np.asarray(np.isfinite(rows).all(axis=0))
        self.all_fit = True
        if larger:
            fits = np.asarray((numbers[-1, :, 1:3] <= 8.0 * graph.max_message_bytes).all(axis=1))[pairs[:, 0]]
            self.all_fit = bool(fits[usable].all())
            usable &= fits
        everything = _Pairs(pairs[:, 0], pairs[:, 1], rows[1], rows[2], rows[4], rows[5])
        self._use(everything.only(usable), rows[0, usable], rows[3, usable], costs)

    def _use(self, pairs: _Pairs, edge_s: FloatArray, cloud_s: FloatArray, costs: CostProfile) -> None:
        self._pairs = self._points = pairs
        rows = np.column_stack([edge_s, pairs.bits_up, pairs.bits_down, cloud_s])
        edge_only = [[math.fsum(costs.edge_s), 0.0, 0.0, 0.0]]
        self.choices = Choices.of(np.concatenate([rows, edge_only]), _TIE)
        self.encode_s, self.decode_s = np.append(pairs.encode_s, 0.0), np.append(pairs.decode_s, 0.0)

    def __len__(self) -> int:
        return len(self.choices)

    def encoding(self, point: int) -> int:
        """Returns the number of a point's encoding; the point is not edge-only."""
        return int(self._points.encoding[point])

    def thinned(self) -> "Points":
        """Returns the points without those that another one is never worse than; other prices still take all."""
        choices = self.choices
        rows = np.column_stack([choices.edge_s, choices.bits_up, choices.bits_down, choices.cloud_s])[:-1]
        kept = not_dominated(rows)
        thin = copy.copy(self)
        thin._points = self._points.only(kept)  # noqa: SLF001  # a copy of this very class
        kept = np.append(kept, len(rows))
        thin.choices = choices.only(kept)
        thin.encode_s, thin.decode_s = self.encode_s[kept], self.decode_s[kept]
        return thin

    def with_costs(self, costs: CostProfile) -> "Points":
        """Returns all pairs, at other costs: two products of matrices."""
        inside = self.inside()
        edge_s = inside.astype(np.float64) @ np.array(costs.edge_s, dtype=np.float64)
        cloud_s = (~inside).astype(np.float64) @ np.array(costs.cloud_s, dtype=np.float64)
        pairs, other = self._pairs, copy.copy(self)
        other._use(pairs, edge_s[pairs.split] + pairs.encode_s, cloud_s[pairs.split] + pairs.decode_s, costs)  # noqa: SLF001  # see above
        return other

    def inside(self) -> BoolArray:
        """Returns the splits: bool [splits, layers]."""
        return np.unpackbits(self._bits, axis=1, count=len(self._graph)).astype(np.bool_)

    def edge_and_cut(self, point: int) -> tuple[frozenset[str], tuple[str, ...]]:
        """Returns the names of a point's layers on the edge, and of those whose tensors are sent; made once."""
        split = int(self._points.split[point]) if point < len(self) - 1 else -1
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
