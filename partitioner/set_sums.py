"""Sums of a number per layer over every closed set at once, correctly rounded.

Times span 1 µs to 100 s, and what is in the cloud is a difference: the whole less what is on the edge. So sums are
carried as a pair of floats, high and low (T. J. Dekker, 1971, doi:10.1007/BF01397083; the error of one addition by
D. E. Knuth's TwoSum), and rounded once at the end. The results then do not depend on the order of addition either:
splits that cost the same are seen to cost the same.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from partitioner.closed_sets import ClosedSets, FloatArray

Summand = TypeVar("Summand", float, FloatArray)


def inside_and_outside(sets: ClosedSets, numbers: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Adds up the numbers of the layers inside every set, and of those outside.

    Args:
        sets: The closed sets of a graph.
        numbers: One number of at least 0 per layer of the graph, model inputs included.

    Returns:
        Two float64 [sets]: over the layers inside, and over those outside.

    Complexity: O(sets + layers); numpy works on all sets that share their last layer at once.
    """
    high, low = _within_blocks(sets, np.array([numbers[i] for i in sets.layers], dtype=np.float64))
    full = sets.first_set[sets.blocks[1:]] - 1
    totals = list(zip(high[full].tolist(), low[full].tolist(), strict=True))
    before = _running_sums([(float(numbers[i]), 0.0) for i in sets.inputs], then=totals)
    after = _running_sums([], then=totals[::-1])[::-1]

    # Set 0 is the base of the first block: nothing of the block is in it. The last entries of `before` and `after`
    # stand behind the last block, which no set does, unless there are no blocks.
    sizes = np.diff(full, prepend=0, append=len(sets) - 1)
    sizes[0] += 1
    inside = _add(_repeat(before, sizes), (high, low))
    outside = _add(_repeat(after, sizes), (-high, -low))
    outside[-1] = 0.0
    return inside, np.maximum(outside, 0.0, out=outside)


def _within_blocks(sets: ClosedSets, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Adds up, for every set, its layers of its own block: the base counts as empty. Returns high and low parts."""
    high, low = np.zeros(len(sets)), np.zeros(len(sets))
    starts, ends = sets.blocks[:-1], sets.blocks[1:]
    single = starts[ends - starts == 1]
    high[sets.first_set[single]] = numbers[single]
    for start, end in zip(starts[ends - starts > 1].tolist(), ends[ends - starts > 1].tolist(), strict=True):
        first = sets.first_set[start : end + 1].tolist()
        base = first[0] - 1
        block_high, block_low = np.zeros(first[-1] - base), np.zeros(first[-1] - base)
        for number, (begin, stop) in zip(numbers[start:end].tolist(), pairwise(first), strict=True):
            grown = slice(begin - base, stop - base)
            parent = sets.parent[begin:stop] - base
            block_high[grown], error = _two_sum(block_high[parent], number)
            block_low[grown] = block_low[parent] + error
        high[base + 1 : first[-1]], low[base + 1 : first[-1]] = block_high[1:], block_low[1:]
    return high, low


def _running_sums(
    first: Iterable[tuple[float, float]], then: Iterable[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Returns the sum of `first`, and that sum after each of `then`; all are pairs of high and low parts."""
    total, total_low = 0.0, 0.0
    for high, low in first:
        total, error = _two_sum(total, high)
        total_low += error + low
    sums = [(total, total_low)]
    for high, low in then:
        total, error = _two_sum(total, high)
        total_low += error + low
        sums.append((total, total_low))
    return sums


def _repeat(pairs: list[tuple[float, float]], sizes: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    table = np.array(pairs)
    return np.repeat(table[:, 0], sizes), np.repeat(table[:, 1], sizes)


def _add(left: tuple[FloatArray, FloatArray], right: tuple[FloatArray, FloatArray]) -> FloatArray:
    total, error = _two_sum(left[0], right[0])
    return total + (error + left[1] + right[1])


def _two_sum(left: Summand, right: Summand | float) -> tuple[Summand, Summand]:
    total = left + right
    shadow = total - left
    return total, (left - (total - shadow)) + (right - shadow)
