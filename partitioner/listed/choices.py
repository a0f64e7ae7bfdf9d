"""Every way to run a model: a closed set with an encoding for what crosses.

A decision scans choices. Choices that are never taken are left out:

* a set whose tensors, up or down, cannot be sent at all (see `partitioner.evaluate.fits_message`);
* a set with an encoding in which one of its crossing tensors may not be sent;
* a set with an encoding, if another encoding takes no more bytes and no more time on either side, and is first in order
  or sends fewer bytes. That one is at least as good by every criterion of a decision, ties included, on any link and
  under any load. So edge-only, where nothing is sent, is a single choice, the last one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph
from partitioner.listed.closed_sets import ClosedSets
from partitioner.listed.set_sums import crossing, crossing_each, inside_and_outside
from partitioner.scan import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """Sets with encodings; ordered by set, then by encoding.

    Attributes:
        sets: int32 [choices]: number of the closed set.
        encodings: int32 [choices]: number of the encoding.
        bits_up: float64 [choices]: bits that cross to the cloud.
        encode_s: float64 [choices]: seconds to encode them on the edge.
        decode_s: float64 [choices]: seconds to decode them in the cloud.
    """

    sets: npt.NDArray[np.int32]
    encodings: npt.NDArray[np.int32]
    bits_up: FloatArray
    encode_s: FloatArray
    decode_s: FloatArray

    def __len__(self) -> int:
        return len(self.sets)


def list_choices(graph: LayerGraph, sets: ClosedSets, encodings: Sequence[Encoding]) -> Choices:
    """Lists the closed sets of a graph with each of the encodings, which must fit the graph.

    Complexity: O(sets x encodings squared), in numpy.
    """
    rows = [
        *([_finite(size) for size in encoding.output_bytes] for encoding in encodings),
        *(encoding.encode_s for encoding in encodings),
        *(encoding.decode_s for encoding in encodings),
        *([float(size == np.inf) for size in encoding.output_bytes] for encoding in encodings),
    ]
    bits_up, encode_s, decode_s, forbidden = np.split(crossing_each(sets, rows), 4)
    bits_up *= 8.0
    kept = (forbidden == 0.0) & _fit_message(graph, sets)
    allowed = kept.copy()
    for k in range(len(encodings)):
        for other in range(len(encodings)):
            if other == k:
                continue
            less = np.less_equal if other < k else np.less
            kept[k] &= ~(
                allowed[other]
                & less(bits_up[other], bits_up[k])
                & (encode_s[other] <= encode_s[k])
                & (decode_s[other] <= decode_s[k])
            )
    chosen, number = np.nonzero(kept.T)
    columns = [_take(column, number, chosen) for column in (bits_up, encode_s, decode_s)]
    return Choices(chosen.astype(np.int32), number.astype(np.int32), *columns)


def _finite(size: float) -> float:
    return 0.0 if size == np.inf else size


def _fit_message(graph: LayerGraph, sets: ClosedSets) -> npt.NDArray[np.bool_]:
    """Returns for each set whether all that crosses, up and down, can be sent."""
    layers, outputs = graph.layers, frozenset(graph.structure.outputs)
    fit = np.ones(len(sets), dtype=np.bool_)
    if not all(layer.sendable for layer in layers):
        up = [float(not layer.sendable) for layer in layers]
        down = [number if i in outputs else 0.0 for i, number in enumerate(up)]
        fit &= (crossing(sets, up) == 0.0) & (inside_and_outside(sets, down)[1] == 0.0)
    limit_bytes = graph.max_message_bytes
    if math.fsum(layer.output_bytes for layer in layers) > limit_bytes:
        up = [layer.output_bytes for layer in layers]
        down = [number if i in outputs else 0.0 for i, number in enumerate(up)]
        fit &= (crossing(sets, up) <= limit_bytes) & (inside_and_outside(sets, down)[1] <= limit_bytes)
    return fit


def _take(column: FloatArray, number: npt.NDArray[np.intp], chosen: npt.NDArray[np.intp]) -> FloatArray:
    """Returns one number per choice; a broadcast 0, which takes no memory, if all are 0."""
    if not column.any():
        return np.broadcast_to(np.float64(0.0), len(chosen))
    taken: FloatArray = column[number, chosen]
    return taken
