"""Divides a graph into blocks that closed sets fill one after the other.

A graph splits at k when each of its first k layers precedes (by some path) each of the rest: a closed set that holds a
layer of the rest then holds all of the first k. So a graph splits before and after an articulation layer, which every
path crosses. Real models are chains of small blocks. A closed set holds a part of at most one block.
"""

from collections.abc import Sequence

import numpy as np


def block_starts(predecessors: Sequence[Sequence[int]]) -> list[int]:
    """Returns the first position of every block, ascending, and the number of layers at the end.

    The first k layers all precede the rest exactly when each layer that is last among the first k (no successor there)
    has an arc to each layer that is first among the rest (no predecessor there): a path between two such layers has no
    layer in between. So the arcs between both kinds are counted, for all k at once, and compared with the product of
    the numbers of both kinds.

    Args:
        predecessors: Positions read by each layer, all smaller than its own.

    Returns:
        ``[0, ..., len(predecessors)]``; block b is the positions from entry b to entry b + 1, exclusive.

    Complexity: O(layers + arcs).

    Example:
        A diamond between two single layers: 0 - {1, 2} - 3.

        >>> block_starts([(), (0,), (0,), (1, 2)])
        [0, 1, 3, 4]
    """
    count = len(predecessors)
    if count == 0:
        return [0]
    reader = np.repeat(np.arange(count), [len(sources) for sources in predecessors])
    read = np.array([source for sources in predecessors for source in sources], dtype=np.intp)
    last_read = np.full(count, -1)
    np.maximum.at(last_read, reader, read)
    first_reader = np.full(count, count)
    np.minimum.at(first_reader, read, reader)

    position = np.arange(count)
    lasts = _covering(position + 1, first_reader, count)
    firsts = _covering(last_read + 1, position, count)
    direct = last_read[reader] < first_reader[read]
    arcs = _covering(last_read[reader][direct] + 1, first_reader[read][direct], count)
    splits = np.flatnonzero(arcs == lasts * firsts)
    return [0, *(int(k) for k in splits if 0 < k < count), count]


def _covering(first: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
    """Counts, for every k in 0..count, the intervals [first, last] that hold k."""
    opened = np.bincount(first, minlength=count + 2)
    closed = np.bincount(last + 1, minlength=count + 2)
    return np.cumsum(opened - closed)[: count + 1]
