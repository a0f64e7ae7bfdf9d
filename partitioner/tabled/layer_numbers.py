"""What each layer adds to the four numbers of a split, which depend on no link and no load.

A split in one encoding costs (E, U, D, C): seconds on the edge, bits up, bits down, seconds in the cloud; encoding is
part of E and decoding of C. Every price is a sum of the four with weights that are at least 0, or the largest of such
sums (see `partitioner.evaluate`). So a split whose four numbers are all smaller than another's is better on every
link.

Each of the four is a sum over layers, so the numbers of many splits are products of matrices. They are added up
without any subtraction, so a sum over no layers is 0, and no other loses precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from partitioner.costs import CostProfile
from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph, Structure
from partitioner.scan import FloatArray
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


def unencoded(graph: LayerGraph, costs: CostProfile) -> LayerNumbers:
    """Returns the numbers of the plain bytes, whether they may be sent or not: what a message's limit is about."""
    raw = layer_numbers(graph, costs, Encoding.raw(graph))
    bits = 8.0 * np.array([layer.output_bytes for layer in graph.layers], dtype=np.float64)
    return replace(raw, bits_up=bits, bits_down=np.where(raw.bits_down > 0.0, bits, 0.0))


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
        encodings: One `LayerNumbers` for each encoding, with the same times and the same bits down.

    Returns:
        float64 [encodings, splits, 6]: E, U, D, C, and what encoding and decoding take of E and C; inf where a value
        would be sent that is never sent.

    Complexity: O(splits x (arcs + layers x encodings)), in blocks of bounded memory.
    """
    first = encodings[0]
    down, never_down = _finite(first.bits_down)
    up, never_up = (np.stack(each, axis=1) for each in zip(*(_finite(each.bits_up) for each in encodings), strict=True))
    encode_s = np.stack([each.encode_s for each in encodings], axis=1)
    decode_s = np.stack([each.decode_s for each in encodings], axis=1)
    in_cloud = np.column_stack([down, never_down, first.cloud_s])
    when_sent = np.concatenate([up, never_up, encode_s, decode_s], axis=1)
    numbers = np.empty((len(encodings), len(inside), 6))
    rows = max(1, _FLOATS // crossings.layers)
    for begin in range(0, len(inside), rows):
        part = slice(begin, begin + rows)
        here = inside[part]
        edge_s = here.astype(np.float64) @ first.edge_s
        down, never_down, cloud_s = ((~here).astype(np.float64) @ in_cloud).T
        sent = (crossings.of(here).astype(np.float64) @ when_sent).T.reshape(4, len(encodings), -1)
        up, never_up, encode_s, decode_s = sent
        numbers[:, part, 0] = edge_s + encode_s
        numbers[:, part, 1] = np.where(never_up > 0.0, np.inf, up)
        numbers[:, part, 2] = np.where(never_down > 0.0, np.inf, down)
        numbers[:, part, 3] = cloud_s + decode_s
        numbers[:, part, 4], numbers[:, part, 5] = encode_s, decode_s
    return numbers


def _finite(bits: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns the finite bits, with 0 for what is never sent, and 1 for that: sums of inf times 0 would be NaN."""
    never = np.isinf(bits)
    return np.where(never, 0.0, bits), never.astype(np.float64)


def distinct(inside: BoolArray) -> tuple[BoolArray, npt.NDArray[np.intp]]:
    """Returns the distinct splits, and which of them each split is.

    They are in the order in which `partitioner.listed` lists them: by the last layer in which two of them differ.

    Complexity: O(splits x log(splits) x layers / 8).
    """
    packed = np.packbits(inside[:, ::-1], axis=1)
    keys = np.ascontiguousarray(packed).view(f"S{packed.shape[1]}").reshape(-1)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return inside[first], which.reshape(-1)
