"""Orders in which a frontier may place the layers of a graph, of which the one with the fewest states is taken.

Which order has few states depends on the graph, by factors of 4 to 20, and no rule was found that is always good. The
states do not depend on costs, so they are counted for each order.
"""

from collections.abc import Iterator

from partitioner.graph import Structure
from partitioner.tabled.state_graph import StateGraph, state_graph


def fewest_states(structure: Structure, most_states: int) -> StateGraph | None:
    """Returns the states of the best order; None if every order has more than `most_states`."""
    best: StateGraph | None = None
    for order in _orders(structure):
        found = state_graph(structure, order, most_states)
        if found is not None and (best is None or found.states < best.states):
            best, most_states = found, found.states
    return best


def _orders(structure: Structure) -> Iterator[list[int]]:
    yield list(range(len(structure.predecessors)))
    yield _depth_first(structure)
    yield _fewest_alive(structure)
    yield _when_needed(structure)


def _depth_first(structure: Structure) -> list[int]:
    """Follows each branch to its end: the next layer is one that has just become possible."""
    missing = [len(read) for read in structure.predecessors]
    waiting = list(reversed(structure.inputs))
    order: list[int] = []
    while waiting:
        layer = waiting.pop()
        order.append(layer)
        for reader in reversed(structure.successors[layer]):
            missing[reader] -= 1
            if not missing[reader]:
                waiting.append(reader)
    return order


def _fewest_alive(structure: Structure) -> list[int]:
    """Places the layer that leaves the fewest tensors to be read later; of equal ones, the first."""
    missing = [len(read) for read in structure.predecessors]
    readers = [len(each) for each in structure.successors]
    waiting = set(structure.inputs)
    order: list[int] = []

    def more_alive(layer: int) -> tuple[int, int]:
        ends = sum(readers[read] == 1 for read in structure.predecessors[layer])
        return (readers[layer] > 0) - ends, layer

    while waiting:
        layer = min(waiting, key=more_alive)
        waiting.remove(layer)
        order.append(layer)
        for read in structure.predecessors[layer]:
            readers[read] -= 1
        for reader in structure.successors[layer]:
            missing[reader] -= 1
            if not missing[reader]:
                waiting.add(reader)
    return order


def _when_needed(structure: Structure) -> list[int]:
    """Places a layer only when one that reads it is placed next, from the ends backwards."""
    placed = [False] * len(structure.predecessors)
    order: list[int] = []
    waiting = [i for i, readers in enumerate(structure.successors) if not readers]
    waiting.reverse()
    while waiting:
        layer = waiting[-1]
        unread = next((read for read in structure.predecessors[layer] if not placed[read]), None)
        if unread is not None:
            waiting.append(unread)
            continue
        waiting.pop()
        if not placed[layer]:
            placed[layer] = True
            order.append(layer)
    return order
