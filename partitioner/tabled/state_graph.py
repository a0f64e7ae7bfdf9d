"""What a frontier must remember of the layers placed so far: the states of a walk over a graph in one order.

Layers are placed one after the other, in a topological order, on the edge or in the cloud. A layer in the cloud
*dooms* its descendants to the cloud; their costs are paid at once, and so is the sending of every tensor placed so far
that one of them reads. What is still to be paid then depends only on

* which of the layers to come are doomed, and
* which tensors are sent already, among those that a layer to come, not doomed, may yet read.

That is a state. Splits that are in one state have the same future, so they can be compared by what they cost so far.
The states depend on the graph and the order alone: not on any number. State 0 is kept apart: everything so far on the
edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from partitioner.graph import Structure
from partitioner.searched.min_cut import BoolArray

StateArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The placing of one layer, by the state before it: int32 [states] each.

    Attributes:
        layer: Position of the layer in the graph.
        edge: The state after it is placed on the edge; -1 if it is doomed.
        sends: Whether its own tensor is then sent: 1 if a reader is doomed, else 0.
        cloud: The state after it is placed in the cloud; -1 if it is a model input.
        dooms: Number of the set of layers that it then dooms, itself included; 0, the empty set, if it was doomed.
        pays: Number of the set of tensors that are then sent.
    """

    layer: int
    edge: StateArray
    sends: StateArray
    cloud: StateArray
    dooms: StateArray
    pays: StateArray


@dataclass(frozen=True, slots=True, eq=False)
class StateGraph:
    """All steps of one order.

    Attributes:
        steps: One for each layer.
        states: How many states all steps have together.
        layer_sets: bool [sets, layers]: the sets of layers that `dooms` and `pays` count, by position in the graph.
    """

    steps: tuple[Step, ...]
    states: int
    layer_sets: BoolArray


def state_graph(structure: Structure, order: Sequence[int], most_states: int) -> StateGraph | None:
    """Lists the states; None if they are more than `most_states`.

    Args:
        structure: The graph.
        order: The positions of its layers, each after those that it reads.
        most_states: Limit of the states of all steps together.

    Complexity: O(states x tensors that are alive).
    """
    walk = _Walk(structure, order)
    before, states, steps = [(0, 0)], 0, []
    for i in range(len(order)):
        states += len(before)
        if states > most_states:
            return None
        step, before = walk.step(i, before)
        steps.append(step)
    return StateGraph(tuple(steps), states, walk.layer_sets())


class _Walk:
    """Sets of layers are integers here, with one bit for each layer in the order of the walk."""

    def __init__(self, structure: Structure, order: Sequence[int]) -> None:
        self._order = list(order)
        rank = {layer: i for i, layer in enumerate(order)}
        self._reads = [sum(1 << rank[j] for j in structure.predecessors[layer]) for layer in order]
        self._readers = [sum(1 << rank[j] for j in structure.successors[layer]) for layer in order]
        self._last_reader = [readers.bit_length() - 1 for readers in self._readers]
        self._descendants = [0] * len(order)
        for i in reversed(range(len(order))):
            self._descendants[i] = 1 << i
            for j in structure.successors[order[i]]:
                self._descendants[i] |= self._descendants[rank[j]]
        self._sets: dict[int, int] = {0: 0}

    def step(self, i: int, before: list[tuple[int, int]]) -> tuple[Step, list[tuple[int, int]]]:
        """Places the i-th layer, from all states; returns also the states after it."""
        bit, later = 1 << i, -1 << (i + 1)
        reads, readers, descendants = self._reads[i], self._readers[i], self._descendants[i]
        alive = [j for j in range(i) if self._last_reader[j] >= i]
        after: dict[tuple[int, int], int] = {}
        read_by: dict[int, int] = {}
        rows: list[tuple[int, int, int, int, int]] = []

        def number(state: tuple[int, int]) -> int:
            return after.setdefault(state, len(after) + 1)

        for k, (doomed, sent) in enumerate(before):
            if doomed & bit:
                rows.append((-1, 0, number((doomed ^ bit, sent)), 0, 0))
                continue
            edge = sends = 0
            if k > 0:
                kept = self._alive(sent, reads, later & ~doomed)
                sends = int(readers & doomed != 0)
                edge = number((doomed, kept | bit if sends and readers & ~doomed else kept))
            if not reads:
                rows.append((edge, sends, -1, 0, 0))
                continue
            dooms = descendants & ~doomed
            read = read_by.get(dooms)
            if read is None:
                read = read_by[dooms] = sum(1 << j for j in alive if self._readers[j] & dooms)
            doomed_then = (doomed | descendants) ^ bit
            cloud = number((doomed_then, self._alive(sent | read, read, later & ~doomed_then)))
            rows.append((edge, sends, cloud, self._number_of(dooms), self._number_of(read & ~sent)))
        columns = np.array(rows, dtype=np.int32).T
        return Step(self._order[i], *(np.ascontiguousarray(each) for each in columns)), [(0, 0), *after]

    def layer_sets(self) -> BoolArray:
        """Returns the sets that were numbered, by position in the graph."""
        width = len(self._order) // 8 + 1
        packed = b"".join(each.to_bytes(width, "little") for each in self._sets)
        bits = np.frombuffer(packed, dtype=np.uint8).reshape(-1, width)
        found = np.zeros((len(bits), len(self._order)), dtype=np.bool_)
        found[:, self._order] = np.unpackbits(bits, axis=1, count=len(self._order), bitorder="little")
        return found

    def _number_of(self, layers: int) -> int:
        return self._sets.setdefault(layers, len(self._sets))

    def _alive(self, sent: int, checked: int, free: int) -> int:
        """Returns the sent tensors without those of `checked` that no free layer reads."""
        checked &= sent
        while checked:
            lowest = checked & -checked
            if not self._readers[lowest.bit_length() - 1] & free:
                sent ^= lowest
            checked ^= lowest
        return sent
