"""What each layer adds to the four numbers of a split, which depend on no link and no load.

A split in one encoding costs (E, U, D, C): seconds on the edge, bits up, bits down, seconds in the cloud; encoding is
part of E and decoding of C. Every price is a sum of the four with weights that are at least 0, or the largest of such
sums (see `partitioner.evaluate`). So a split whose four numbers are all smaller than another's is better on every
link.

Each of the four is a sum over layers, so the numbers of many splits are products of matrices. They are added up
without any subtraction, so a sum over no layers is 0, and no other loses precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partitioner.costs import CostProfile
from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph, Structure
from partitioner.listed.closed_sets import FloatArray
from partitioner.searched.min_cut import BoolArray

# So many floats are made at once when splits are priced: 16 MB.
_FLOATS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class LayerNumbers:
    """A profile and an encoding by layer: float64 [layers] each, at least 0.

    Attributes:
        edge_s: Seconds on the edge, if the layer is there.
        encode_s: More seconds on the edge, if it is there with a reader in the cloud.
        bits_up: Bits up, in the same case; inf if its value is never sent.
        decode_s: Seconds in the cloud, in the same case.
        bits_down: Bits down, if it is in the cloud; 0 unless it is an output, inf if its value is never sent.
        cloud_s: Seconds in the cloud, if it is there.
    """

    edge_s: FloatArray
    encode_s: FloatArray
    bits_up: FloatArray
    decode_s: FloatArray
    bits_down: FloatArray
    cloud_s: FloatArray


def layer_numbers(graph: LayerGraph, costs: CostProfile, encoding: Encoding) -> LayerNumbers:
    """Returns the numbers of a profile and an encoding, which must fit the graph."""
    sendable = np.array([layer.sendable for layer in graph.layers])
    bits = 8.0 * np.array([layer.output_bytes for layer in graph.layers], dtype=np.float64)
    outputs = np.zeros(len(graph), dtype=np.bool_)
    outputs[list(graph.structure.outputs)] = True
    return LayerNumbers(
        edge_s=np.array(costs.edge_s, dtype=np.float64),
        encode_s=np.array(encoding.encode_s, dtype=np.float64),
        bits_up=np.where(sendable, 8.0 * np.array(encoding.output_bytes, dtype=np.float64), np.inf),
        decode_s=np.array(encoding.decode_s, dtype=np.float64),
        bits_down=np.where(outputs, np.where(sendable, bits, np.inf), 0.0),
        cloud_s=np.array(costs.cloud_s, dtype=np.float64),
    )


class Crossings:
    """Which tensors many splits send up, by the arcs of one graph.

    Args:
        structure: The graph.
    """

    def __init__(self, structure: Structure) -> None:
        self.layers = len(structure.predecessors)
        self._read = np.array([i for i, readers in enumerate(structure.successors) if readers], dtype=np.intp)
        readers = [structure.successors[i] for i in self._read]
        self._readers = np.array([i for each in readers for i in each], dtype=np.intp)
        self._begins = np.cumsum([0, *map(len, readers)])[:-1].astype(np.intp)

    def of(self, inside: BoolArray) -> BoolArray:
        """Returns which tensors cross: bool [splits, layers], from which layers are on the edge.

        Complexity: O(splits x arcs).
        """
        crosses = np.zeros_like(inside)
        if len(self._read):
            outside = np.logical_or.reduceat(~inside[:, self._readers], self._begins, axis=1)
            crosses[:, self._read] = inside[:, self._read] & outside
        return crosses


def price_splits(inside: BoolArray, crossings: Crossings, encodings: Sequence[LayerNumbers]) -> FloatArray:
    """Prices splits in each encoding.

    Args:
        inside: bool [splits, layers]: which layers are on the edge.
        crossings: The graph.
        encodings: One `LayerNumbers` for each encoding.

    Returns:
        float64 [encodings, splits, 4]: E, U, D, C; inf where a tensor would be sent that is never sent.

    Complexity: O(splits x (arcs + layers x encodings)), in blocks of bounded memory.
    """
    numbers = np.empty((len(encodings), len(inside), 4))
    rows = max(1, _FLOATS // crossings.layers)
    for begin in range(0, len(inside), rows):
        part = slice(begin, begin + rows)
        here, crosses = inside[part], crossings.of(inside[part])
        on_edge, in_cloud, sent = (mask.astype(np.float64) for mask in (here, ~here, crosses))
        for out, each in zip(numbers, encodings, strict=True):
            out[part, 0] = on_edge @ each.edge_s + sent @ each.encode_s
            out[part, 1] = _total(sent, each.bits_up)
            out[part, 2] = _total(in_cloud, each.bits_down)
            out[part, 3] = in_cloud @ each.cloud_s + sent @ each.decode_s
    return numbers


def _total(chosen: FloatArray, bits: FloatArray) -> FloatArray:
    """Adds up the chosen numbers, some of which may be inf; 0 times inf counts as nothing."""
    never = np.isinf(bits)
    total: FloatArray = chosen @ np.where(never, 0.0, bits)
    if never.any():
        total[chosen[:, never].any(axis=1)] = np.inf
    return total


def colexicographic(inside: BoolArray) -> npt.NDArray[np.intp]:
    """Returns the order in which `partitioner.listed` lists these splits: by the last layer in which they differ."""
    return np.lexsort(inside.T)
