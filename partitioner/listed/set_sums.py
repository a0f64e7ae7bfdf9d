"""Sums of a number per layer over every closed set at once, correctly rounded.

Times span 1 µs to 100 s, and the cloud's sum is a difference: the whole minus the edge's sum. So each number is split
into *limbs*, multiples of one power of two each, chosen so large that no sum of them needs more than the 53 bits of a
float. Sums of limbs are then exact, in any order and with any signs; only the end result is rounded. So splits of equal
cost compare as equal, and a sum over no layers is 0. Whole numbers of bytes need one limb, times two or three. The part
that three limbs cannot hold is below 2^-110 of the largest number, for ten thousand layers.

Reference: the splitting is that of S. M. Rump, T. Ogita, S. Oishi, "Accurate Floating-Point Summation Part I: Faithful
Rounding", SIAM Journal on Scientific Computing 31 (2008), doi:10.1137/050645671.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from partitioner.listed.closed_sets import ClosedSets
from partitioner.scan import FloatArray

_MANTISSA_BITS = 53
_MOST_LIMBS = 3
_LEAST_EXPONENT = -1074
# So many sums are made at once: 16 MB.
_FLOATS = 2_000_000


def inside_and_outside(sets: ClosedSets, numbers: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Adds up the numbers of the layers inside every set, and of those outside.

    Args:
        sets: The closed sets of a graph.
        numbers: One finite number of at least 0 per layer of the graph, model inputs included.

    Returns:
        Two float64 [sets]: over the layers inside, and over those outside.

    Complexity: O(sets + layers); numpy works on all sets that share their last layer at once.
    """
    limbs = _limbs(numbers)
    inside = _run(sets, limbs[:, list(sets.inputs)].sum(axis=1), limbs[:, list(sets.layers)], None)
    outside = limbs.sum(axis=1, keepdims=True) - inside
    return _rounded(inside), _rounded(outside)


def crossing(sets: ClosedSets, numbers: Sequence[float]) -> FloatArray:
    """Adds up, for every set, the numbers of the layers inside that have a reader outside.

    Args:
        sets: The closed sets of a graph.
        numbers: One finite number of at least 0 per layer of the graph, model inputs included.

    Returns:
        float64 [sets].

    Complexity: as for `inside_and_outside`, and O(sets) for a tensor that several layers of a block read.
    """
    sums: FloatArray = crossing_each(sets, [numbers])[0]
    return sums


def crossing_each(sets: ClosedSets, rows: Sequence[Sequence[float]]) -> FloatArray:
    """Adds up several rows of numbers as `crossing` does: of a small table, in about the time of one row.

    Returns:
        float64 [rows, sets].
    """
    sums = np.zeros((len(rows), len(sets)))
    counted = [k for k, numbers in enumerate(rows) if any(numbers)]
    together = max(1, _FLOATS // len(sets) // _MOST_LIMBS)
    for begin in range(0, len(counted), together):
        group = counted[begin : begin + together]
        limbs = [_limbs(rows[k]) for k in group]
        found = _crossing(sets, np.concatenate(limbs))
        ends = np.cumsum([len(each) for each in limbs])
        for k, row in zip(group, np.split(found, ends[:-1]), strict=True):
            sums[k] = _rounded(row)
    return sums


def _crossing(sets: ClosedSets, limbs: FloatArray) -> FloatArray:
    unread = np.ones(limbs.shape[1], dtype=np.bool_)
    unread[_read(sets)] = False
    limbs[:, unread] = 0.0
    return _run(sets, limbs[:, list(sets.inputs)].sum(axis=1), limbs[:, list(sets.layers)], limbs)


def _limbs(numbers: Sequence[float]) -> FloatArray:
    """Splits numbers into limbs that can be added up exactly: float64 [limbs, numbers], the largest first."""
    rest = np.array(numbers, dtype=np.float64)
    limbs: list[FloatArray] = []
    while not limbs or (len(limbs) < _MOST_LIMBS and rest.any()):
        # A difference of sums needs one bit more than the sum of all.
        exponent = math.frexp(float(np.abs(rest).max(initial=0.0)))[1] + len(rest).bit_length() + 1
        unit = math.ldexp(1.0, max(exponent - _MANTISSA_BITS, _LEAST_EXPONENT))
        limb = np.rint(rest / unit) * unit
        limbs.append(limb)
        rest -= limb
    return np.array(limbs)


def _rounded(limbs: FloatArray) -> FloatArray:
    """Adds up limbs, the smallest first."""
    total: FloatArray = limbs[-1].copy()
    for limb in limbs[-2::-1]:
        total += limb
    return total


def _run(sets: ClosedSets, first: FloatArray, gains: FloatArray, tensors: FloatArray | None) -> FloatArray:
    """Sums over every set, each computed from its parent's sum: float64 [limbs, sets].

    Args:
        sets: The closed sets.
        first: float64 [limbs]: the sum over set 0.
        gains: float64 [limbs, layers]: what each layer adds when it joins.
        tensors: float64 [limbs, positions]: what each tensor subtracts when it stops crossing; None if none does.
    """
    sums = np.zeros((len(gains), len(sets)))
    sums[:, 0] = first
    changes = gains if tensors is None else gains - _lost(sets, tensors)
    # In the set of all layers up to j, no reader of a tensor that j reads last is outside.
    prefixes = first[:, np.newaxis] + np.cumsum(changes, axis=1)
    starts, ends = sets.blocks[:-1], sets.blocks[1:]
    single = starts[ends - starts == 1]
    sums[:, sets.first_set[single]] = prefixes[:, single]
    for start, end in zip(starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True):
        bounds = sets.first_set[start : end + 1].tolist()
        for j, (begin, stop) in enumerate(pairwise(bounds), start):
            grown = sums[:, sets.parent[begin:stop]] + changes[:, j : j + 1]
            if tensors is not None:
                for tensor in sets.released[j]:
                    if tensor.kept is not None:
                        kept = np.unpackbits(tensor.kept, count=stop - begin)
                        grown += tensors[:, tensor.layer : tensor.layer + 1] * kept
            sums[:, begin:stop] = grown
    return sums


def _lost(sets: ClosedSets, tensors: FloatArray) -> FloatArray:
    """Returns, by layer, the sum over all tensors whose last reader it is: float64 [limbs, layers]."""
    readers = np.repeat(np.arange(len(sets.layers)), [len(released) for released in sets.released])
    lost = np.zeros((len(tensors), len(sets.layers)))
    for limb, numbers in zip(lost, tensors, strict=True):
        np.add.at(limb, readers, numbers[_read(sets)])
    return lost


def _read(sets: ClosedSets) -> npt.NDArray[np.intp]:
    """Returns the positions of the layers that some layer reads, by their last reader."""
    return np.array([tensor.layer for released in sets.released for tensor in released], dtype=np.intp)
