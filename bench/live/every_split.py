"""Every split of a model at once, in arrays: seconds of head and tail, and the bytes that are sent."""

from collections.abc import Sequence

from partitioner import LayerGraph
from partitioner.listed.listing import list_closed_sets
from partitioner.listed.set_sums import crossing, inside_and_outside

_MOST_SETS = 2_000_000


class EverySplit:
    """Splits by position, from the inputs alone on the edge to everything there."""

    def __init__(self, graph: LayerGraph, edge_s: Sequence[float], cloud_s: Sequence[float]) -> None:
        self._names = [layer.name for layer in graph.layers]
        self._sets = list_closed_sets(graph, _MOST_SETS)
        self.head_s, _ = inside_and_outside(self._sets, edge_s)
        _, self.tail_s = inside_and_outside(self._sets, cloud_s)
        self.sent_bytes = crossing(self._sets, [float(layer.output_bytes) for layer in graph.layers])

    def __len__(self) -> int:
        return len(self._sets)

    def edge(self, index: int) -> tuple[str, ...]:
        """Names of the layers on the edge, in the graph's order."""
        return tuple(self._names[i] for i in sorted(self._sets.members(index)))
