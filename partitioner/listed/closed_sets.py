"""The closed sets of a graph as arrays that depend only on the graph.

A closed set (a feasible split, see `partitioner.evaluate`) is written as the set it grew from plus one layer, its
last in graph order. Set 0 holds the model inputs only; the sets whose last layer is the j-th are consecutive, and each
knows its *parent*, the same set without that layer, which is closed too. So a set takes four bytes, sums over sets are
one addition each, and members are found by walking up. Blocks (see `partitioner.listed.blocks`) are filled one after
the other: the base of a block is the last set of the block before it, which holds everything so far.

The crossing tensors are written in the same way, as a change from the parent: the tensor of a set's last layer begins
to cross. A tensor whose last reader is that layer stops crossing, unless another reader is outside. So sums over
crossing tensors can be computed for any numbers after the listing (see `partitioner.listed.set_sums`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Released:
    """A tensor that stops crossing when its last reader in graph order joins a set.

    Attributes:
        layer: Position in the graph of the layer whose tensor it is.
        kept: One bit for each set whose last layer is that reader, as by `numpy.packbits`: whether the tensor still
            crosses, because another reader is outside. None if it never does.
    """

    layer: int
    kept: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True, eq=False)
class ClosedSets:
    """Every closed set of one graph; made by `partitioner.listed.listing.list_closed_sets`.

    Layers that are not model inputs are numbered 0, 1, ... in graph order here.

    Attributes:
        inputs: Positions in the graph of the model inputs; in every set.
        layers: Positions in the graph of the other layers, ascending.
        blocks: int64 [blocks + 1]: number of the first layer of every block, and the number of layers at the end.
        first_set: int64 [layers + 1]: the sets whose last layer is number j are ``first_set[j]`` up to
            ``first_set[j + 1]``, exclusive; ``first_set[0]`` is 1.
        parent: int32 [sets]: the same set without its last layer; set 0 is its own.
        released: By number of the layer: the tensors whose last reader it is.
    """

    inputs: tuple[int, ...]
    layers: tuple[int, ...]
    blocks: npt.NDArray[np.int64]
    first_set: npt.NDArray[np.int64]
    parent: npt.NDArray[np.int32]
    released: tuple[tuple[Released, ...], ...]

    def __len__(self) -> int:
        return len(self.parent)

    def members(self, index: int) -> frozenset[int]:
        """Returns the positions in the graph of the layers in one set.

        Complexity: O(layers), and a logarithm of their number per layer of one block.
        """
        inside = set(self.inputs)
        if index > 0:
            block = np.searchsorted(self.blocks, self._last_layer(index), side="right") - 1
            start = int(self.blocks[block])
            inside.update(self.layers[:start])
            while index >= self.first_set[start]:
                inside.add(self.layers[self._last_layer(index)])
                index = int(self.parent[index])
        return frozenset(inside)

    def _last_layer(self, index: int) -> int:
        return int(np.searchsorted(self.first_set, index, side="right")) - 1
