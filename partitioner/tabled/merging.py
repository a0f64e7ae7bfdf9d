"""Merging with a certificate: a few labels that stand for many, each within a proven factor of all it stands for.

A label is the four numbers of one way to place some layers, together with the *least* numbers of all ways that it
stands for. In one state, label y may take over x when each of y's numbers is at most a factor 1 + eps above x's least;
y's least becomes the smaller of both. So a label's numbers are always within 1 + eps of its least. What is added later
is added to both alike, so the factor never accumulates.
"""

import numpy as np
import numpy.typing as npt

from partitioner.scan import FloatArray
from partitioner.searched.min_cut import BoolArray

IntArray = npt.NDArray[np.intp]

# Cells as wide as this share of eps: the rest is left for labels that took over others before.
_CELL = 0.3
# Labels of one state are compared pair by pair up to this number.
_MOST_PAIRED = 48
_BLOCK = 192
# Odd numbers that mix state and cell into one key. Equal keys of different cells do no harm: each pair is checked.
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64)
_MIX_STATE = np.uint64(0xD6E8FEB86659FD93)


def merge(labels: FloatArray, states: npt.NDArray[np.int32], eps: float) -> tuple[FloatArray, IntArray]:
    """Merges labels.

    Args:
        labels: float64 [labels, 8]: the numbers, then the least numbers.
        states: int32 [labels]: their states.
        eps: How far the numbers may be above the least numbers of what they stand for.

    Returns:
        The labels that are left, with their new least numbers; and which ones they are, ordered by state.
    """
    labels, kept = _by_cells(labels, states, eps)
    states = states[kept]
    order = np.argsort(states, kind="stable")
    labels, kept, states = labels[order], kept[order], states[order]
    return _by_pairs(labels, kept, states, eps)


def _by_cells(labels: FloatArray, states: npt.NDArray[np.int32], eps: float) -> tuple[FloatArray, IntArray]:
    """Lets the first label of each cell take over the others in it."""
    numbers = labels[:, :4]
    with np.errstate(divide="ignore"):
        cells = np.log(numbers)
    cells *= 1.0 / np.log1p(_CELL * eps)
    np.maximum(cells, -1e15, out=cells)  # zeros have cells of their own
    keys = (np.floor(cells).astype(np.int64).view(np.uint64) * _MIX).sum(axis=1, dtype=np.uint64)
    keys += states.astype(np.uint64) * _MIX_STATE
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
    if len(begins) == len(order):
        return labels, np.arange(len(labels))
    group = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(order)))
    first = order[begins][group]
    fits = (numbers[first] <= (1.0 + eps) * labels[order, 4:]).all(axis=1) & (states[first] == states[order])
    least = np.where(fits[:, np.newaxis], labels[order, 4:], np.inf)
    heads = order[begins]
    merged = labels.copy()
    merged[heads, 4:] = np.minimum(labels[heads, 4:], np.minimum.reduceat(least, begins, axis=0))
    fits[begins] = False
    kept = np.sort(order[~fits])
    return merged[kept], kept


def _by_pairs(
    labels: FloatArray, kept: IntArray, states: npt.NDArray[np.int32], eps: float
) -> tuple[FloatArray, IntArray]:
    """Lets labels take over others of the same state; of many in one state, the smallest first."""
    begins = np.flatnonzero(np.diff(states, prepend=-1))
    sizes = np.diff(begins, append=len(states))
    taken = np.zeros(len(labels), dtype=np.bool_)
    for low, high in ((1, 6), (6, 16), (16, _MOST_PAIRED)):
        chosen = np.flatnonzero((sizes > low) & (sizes <= high))
        if len(chosen):
            places = begins[chosen, np.newaxis] + np.arange(int(sizes[chosen].max()))
            exists = np.arange(places.shape[1]) < sizes[chosen, np.newaxis]
            places[~exists] = begins[0]
            block, gone = _taken_over(labels[places], exists, eps)
            labels[places[exists], 4:] = block[exists, 4:]
            taken[places[gone]] = True
    for begin, size in zip(begins[sizes > _MOST_PAIRED], sizes[sizes > _MOST_PAIRED], strict=True):
        part = slice(begin, begin + size)
        labels[part], taken[part] = _thinned(labels[part], eps)
    return labels[~taken], kept[~taken]


def _taken_over(block: FloatArray, exists: BoolArray, eps: float) -> tuple[FloatArray, BoolArray]:
    """Compares all labels of each group: float64 [groups, labels, 8], of which some do not exist.

    Returns the labels with their new least numbers, and which ones were taken over.
    """
    count = block.shape[1]
    # takes[g, i, j]: in group g, label i may take over label j.
    takes = exists[:, :, np.newaxis] & exists[:, np.newaxis, :]
    for k in range(4):
        takes &= block[:, :, np.newaxis, k] <= (1.0 + eps) * block[:, np.newaxis, :, 4 + k]
    # A label that takes over others is not taken over itself: none does that an earlier one may take over.
    earlier = takes & np.tri(count, k=-1, dtype=np.bool_).T
    stays = exists & ~earlier.any(axis=1)
    takes &= stays[:, :, np.newaxis] & ~stays[:, np.newaxis, :]
    gone = np.asarray(takes.any(axis=1))
    group, who = np.nonzero(gone)
    np.minimum.at(block[:, :, 4:], (group, takes.argmax(axis=1)[group, who]), block[group, who, 4:])
    return block, gone


def _thinned(labels: FloatArray, eps: float) -> tuple[FloatArray, BoolArray]:
    """Compares the labels of one state in blocks, the smallest first, with those that are kept."""
    numbers = labels[:, :4]
    order = np.argsort((numbers / np.maximum(numbers.max(axis=0), 1e-300)).sum(axis=1), kind="stable")
    labels, taken = labels.copy(), np.zeros(len(labels), dtype=np.bool_)
    kept = np.empty(0, dtype=np.intp)
    for begin in range(0, len(order), _BLOCK):
        block = order[begin : begin + _BLOCK]
        takes = np.ones((len(kept), len(block)), dtype=np.bool_)
        for k in range(4):
            takes &= labels[kept, np.newaxis, k] <= (1.0 + eps) * labels[np.newaxis, block, 4 + k]
        gone = takes.any(axis=0)
        by = kept[takes.argmax(axis=0)[gone]] if len(kept) else kept
        least = labels[:, 4:]
        np.minimum.at(least, by, least[block[gone]])
        taken[block[gone]] = True
        block = block[~gone]
        if len(block) == 0:
            continue
        inner, gone = _taken_over(labels[np.newaxis, block], np.ones((1, len(block)), dtype=np.bool_), eps)
        labels[block] = inner[0]
        taken[block[gone[0]]] = True
        kept = np.concatenate([kept, block[~gone[0]]])
    return labels, taken
