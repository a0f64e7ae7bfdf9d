"""Maximum flow by Dinic's algorithm, plain: real capacities, any graph, no dependency.

`partitioner.searched.min_cut` is faster and proves its answer. This module is easier to read, and it solves networks
that `min_cut` cannot build.

Reference: E. A. Dinic, "Algorithm for solution of a problem of maximum flow in a network with power estimation",
Soviet Mathematics Doklady 11 (1970), pp. 1277-1280; as taught by Y. Dinitz, "Dinitz' Algorithm: The Original Version
and Even's Version" (2006), doi:10.1007/11685654_10.
"""

from collections import deque


class FlowNetwork:
    """Vertices 0, 1, ... and arcs with capacities.

    Args:
        vertices: How many vertices there are.

    Example:
        >>> network = FlowNetwork(3)
        >>> network.add_arc(0, 1, 5.0)
        >>> network.add_arc(1, 2, 3.0)
        >>> network.push_maximum(0, 2)
        3.0
        >>> sorted(network.reachable(0))
        [0, 1]
    """

    __slots__ = ("_arcs_from", "_head", "_residual")

    def __init__(self, vertices: int) -> None:
        # Arc a leads to _head[a]; its reverse is a ^ 1, so arc a begins at _head[a ^ 1].
        self._head: list[int] = []
        self._residual: list[float] = []
        self._arcs_from: list[list[int]] = [[] for _ in range(vertices)]

    def add_arc(self, tail: int, head: int, capacity: float) -> None:
        """Adds an arc; a capacity may be infinite, but no path of infinite arcs may lead from source to sink."""
        for end, other, residual in ((tail, head, capacity), (head, tail, 0.0)):
            self._arcs_from[end].append(len(self._head))
            self._head.append(other)
            self._residual.append(residual)

    def push_maximum(self, source: int, sink: int) -> float:
        """Augments the flow from source to sink to a maximum; returns the flow that was added.

        Complexity: O(vertices^2 arcs). Each augmentation empties an arc exactly, so floats do not change that.
        """
        total = 0.0
        while True:
            level = self._levels(source)
            if level[sink] < 0:
                return total
            following = [0] * len(self._arcs_from)
            while (path := self._path(source, sink, level, following)) is not None:
                amount = min(self._residual[arc] for arc in path)
                for arc in path:
                    self._residual[arc] -= amount
                    self._residual[arc ^ 1] += amount
                total += amount

    def reachable(self, source: int) -> frozenset[int]:
        """Returns the vertices that the source still reaches: after a maximum flow, its side of a minimum cut."""
        return frozenset(vertex for vertex, level in enumerate(self._levels(source)) if level >= 0)

    def _levels(self, source: int) -> list[int]:
        """Returns every vertex's distance from the source in arcs with capacity left; -1 where there is no path."""
        level = [-1] * len(self._arcs_from)
        level[source] = 0
        queue = deque([source])
        while queue:
            vertex = queue.popleft()
            for arc in self._arcs_from[vertex]:
                head = self._head[arc]
                if self._residual[arc] > 0.0 and level[head] < 0:
                    level[head] = level[vertex] + 1
                    queue.append(head)
        return level

    def _path(self, source: int, sink: int, level: list[int], following: list[int]) -> list[int] | None:
        """Returns a shortest path with capacity left; `following` holds the next arc to try of each vertex."""
        path: list[int] = []
        vertex = source
        while vertex != sink:
            arcs = self._arcs_from[vertex]
            while following[vertex] < len(arcs):
                arc = arcs[following[vertex]]
                if self._residual[arc] > 0.0 and level[self._head[arc]] == level[vertex] + 1:
                    path.append(arc)
                    vertex = self._head[arc]
                    break
                following[vertex] += 1
            else:
                if not path:
                    return None
                vertex = self._head[path.pop() ^ 1]
                following[vertex] += 1
        return path
