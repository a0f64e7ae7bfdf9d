"""The lowest-latency split by a minimum cut per decision, by three engines: what the table is measured against.

Each engine answers the same question on the same network (see `partitioner.searched.min_cut`); each returns the
latency of the best split, so that a benchmark can check that they agree.
"""

from collections.abc import Iterator

import networkx as nx
import numpy as np

from partitioner import CostProfile, LayerGraph, Link
from partitioner.reference import FlowNetwork
from partitioner.searched.lowest_latency import stage_weights
from partitioner.searched.min_cut import CutNetwork, Weights, model_arcs

Arc = tuple[int, int, float]


def arcs(graph: LayerGraph, weights: Weights) -> Iterator[Arc]:
    """Yields the network's arcs: tail, head, capacity.

    Layers are their positions, the source is -1 and the sink -2; the vertex that stands for the sending of layer v to
    several readers is -3 - v.
    """
    structure = graph.structure
    inputs = set(structure.inputs)
    for v, (readers, read) in enumerate(zip(structure.successors, structure.predecessors, strict=True)):
        yield -1, v, float("inf") if v in inputs else float(weights.cloud[v])
        yield v, -2, float(weights.edge[v])
        if len(readers) == 1:
            yield v, readers[0], float(weights.send[v])
        elif readers:
            yield v, -3 - v, float(weights.send[v])
            yield from ((-3 - v, reader, float("inf")) for reader in readers)
        yield from ((v, u, float("inf")) for u in read)


class NetworkxEngine:
    """networkx's minimum cut (preflow-push, its default); the graph is built for each decision."""

    def __init__(self, graph: LayerGraph, costs: CostProfile) -> None:
        self._graph, self._costs = graph, costs

    def lowest_latency_s(self, link: Link) -> float:
        """Returns the latency of the best split."""
        network = nx.DiGraph()
        for tail, head, capacity in arcs(self._graph, stage_weights(self._graph, self._costs, link)):
            # An arc between the same two vertices may be there already: of sending and of closure, in both directions.
            before = network.get_edge_data(tail, head, {"capacity": 0.0})["capacity"]
            network.add_edge(tail, head, capacity=before + capacity)
        cut_s, _ = nx.minimum_cut(network, -1, -2)
        return _or_edge_only(float(cut_s), self._costs, link)


class DinicEngine:
    """Plain Dinic in Python; the network is built for each decision, as the flow uses it up."""

    def __init__(self, graph: LayerGraph, costs: CostProfile) -> None:
        self._graph, self._costs = graph, costs

    def lowest_latency_s(self, link: Link) -> float:
        """Returns the latency of the best split."""
        count = len(self._graph)
        network = FlowNetwork(2 * count + 2)
        for tail, head, capacity in arcs(self._graph, stage_weights(self._graph, self._costs, link)):
            # From the end: -1 and -2 are source and sink, and -3 - v is the last but two, and so on.
            network.add_arc(tail % (2 * count + 2), head % (2 * count + 2), capacity)
        return _or_edge_only(network.push_maximum(2 * count + 1, 2 * count), self._costs, link)


class ScipyEngine:
    """scipy's maximum flow in proven rounds: `partitioner.searched.min_cut`. The network is built once."""

    def __init__(self, graph: LayerGraph, costs: CostProfile) -> None:
        self._graph, self._costs = graph, costs
        self._network = CutNetwork(model_arcs(graph.structure))

    def lowest_latency_s(self, link: Link) -> float:
        """Returns the latency of the best split."""
        cut = self._network.minimum(stage_weights(self._graph, self._costs, link))
        return _or_edge_only(cut.cost, self._costs, link)


Engine = NetworkxEngine | DinicEngine | ScipyEngine


def _or_edge_only(cut_s: float, costs: CostProfile, link: Link) -> float:
    """The fixed time of a call is no arc: it is added, and compared with edge-only."""
    return min(cut_s + link.fixed_s, float(np.sum(costs.edge_s)))
