"""Lists every closed set of a graph, block by block, without a Python loop over sets.

Within a block the layers are taken in graph order. Each set found so far that holds all predecessors of the next layer
gives one more set, with that layer added. So each closed set is found once, and no other set is made.

Memory: 4 bytes per set for its parent, and one bit for each tensor whose last reader is the set's last layer, if
another reader may be outside (a quarter of a bit on average in models); while a block is listed, 8 bytes per set of the
block for every 64 layers that are live at once. Sets are counted before they are made, so the limit also bounds memory.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from partitioner.errors import TooManySplitsError
from partitioner.graph import LayerGraph
from partitioner.listed.blocks import block_starts
from partitioner.listed.closed_sets import ClosedSets, Released
from partitioner.listed.live_slots import WORD, LiveSlots, assign_slots, masks

Words = list[npt.NDArray[np.uint64]]


def list_closed_sets(graph: LayerGraph, max_sets: int) -> ClosedSets:
    """Lists the closed sets of a graph.

    Args:
        graph: The model.
        max_sets: How many sets may be listed.

    Raises:
        TooManySplitsError: There are more; raised before memory is allocated for them.

    Complexity: O(sets x layers of their block / 64) word operations, in numpy.
    """
    return _Listing(graph, max_sets).run()


class _Listing:
    """The state of one run: arrays by block, joined at the end."""

    def __init__(self, graph: LayerGraph, max_sets: int) -> None:
        structure = graph.structure
        number = {layer: j for j, layer in enumerate(i for i, read in enumerate(structure.predecessors) if read)}
        self.graph = graph
        self.max_sets = max_sets
        self.layers = tuple(number)
        # Model inputs are in every set: they are no predecessors here, but their tensors may cross.
        self.predecessors = [tuple(number[p] for p in structure.predecessors[i] if p in number) for i in self.layers]
        self.readers = {i: tuple(number[r] for r in read) for i, read in enumerate(structure.successors) if read}
        self.first_set = [1]
        # The set of all layers so far: the base of the next block.
        self.base = 0
        self.parents: list[npt.ArrayLike] = [[0]]
        self.released: list[tuple[Released, ...]] = []

    def run(self) -> ClosedSets:
        blocks = block_starts(self.predecessors)
        for start, end in pairwise(blocks):
            if end - start == 1:
                self._take_single(start)
            else:
                self._list_block(start, end)
        return ClosedSets(
            inputs=self.graph.structure.inputs,
            layers=self.layers,
            blocks=np.array(blocks, dtype=np.int64),
            first_set=np.array(self.first_set, dtype=np.int64),
            parent=np.concatenate(self.parents, dtype=np.int32),
            released=tuple(self.released),
        )

    def _take_single(self, j: int) -> None:
        """Adds a block of one layer: one more set, which holds all layers before it too."""
        self._count(j, 1)
        self.released.append(tuple(Released(i, None) for i, _ in self._last_read_by(j)))
        self.parents.append([self.base])
        self.base += 1

    def _list_block(self, start: int, end: int) -> None:
        """Adds every set that holds some of the layers start..end, and all before them."""
        slots = assign_slots(self._needed_until(start, end))
        inside: Words = [np.zeros(1, dtype=np.uint64) for _ in range(slots.words)]
        count = 1
        for j in range(start, end):
            wanted = masks(slots, [p - start for p in self.predecessors[j] if p >= start])
            parent = np.flatnonzero(_holds(inside, wanted, count))
            self._count(j, len(parent))
            self.parents.append(parent + self.base)
            released = []
            for i, others in self._last_read_by(j):
                read = masks(slots, [other - start for other in others if other >= start])
                held = _holds([word[parent] for word in inside], read, len(parent))
                released.append(Released(i, None if held.all() else np.packbits(~held)))
            self.released.append(tuple(released))
            count += len(parent)
            _grow(inside, parent, slots, j - start)
        self.base += count - 1

    def _count(self, j: int, new: int) -> None:
        total = self.first_set[-1] + new
        if total > self.max_sets:
            raise TooManySplitsError(self.max_sets, self.graph.layers[self.layers[j]].name)
        self.first_set.append(total)

    def _last_read_by(self, j: int) -> list[tuple[int, tuple[int, ...]]]:
        """Returns the layers (by position) whose last reader is j, with their other readers (by number)."""
        sources = self.graph.structure.predecessors[self.layers[j]]
        return [(i, self.readers[i][:-1]) for i in sources if self.readers[i][-1] == j]

    def _needed_until(self, start: int, end: int) -> list[int]:
        """Returns, within a block, the last layer that tests whether each layer is inside."""
        until = list(range(end - start))
        for j in range(start, end):
            for p in self.predecessors[j]:
                if p >= start:
                    until[p - start] = max(until[p - start], j - start)
            for _, others in self._last_read_by(j):
                for other in others:
                    if other >= start:
                        until[other - start] = max(until[other - start], j - start)
        return until


def _holds(inside: Words, wanted: dict[int, int], count: int) -> npt.NDArray[np.bool_]:
    """Returns for each of `count` sets whether it holds all layers whose bits are wanted."""
    result = np.ones(count, dtype=np.bool_)
    for word, mask in wanted.items():
        bits = np.uint64(mask)
        result &= inside[word] & bits == bits
    return result


def _grow(inside: Words, parent: npt.NDArray[np.int64], slots: LiveSlots, layer: int) -> None:
    """Appends the sets that grew from `parent` by one layer."""
    slot = slots.slot[layer]
    for word, bits in enumerate(inside):
        grown = bits[parent]
        if slot is not None and slot // WORD == word:
            # Another layer may have used the bit before.
            own = np.uint64(1 << slot % WORD)
            bits &= ~own  # noqa: PLW2901  # in place, on purpose
            grown = bits[parent] | own
        inside[word] = np.concatenate([bits, grown])
