"""The lowest-latency split by a minimum cut per decision, by three engines: what the table is measured against.

Each engine answers the same question on the same network (see `partitioner.searched.min_cut`): for a link, the latency
of the best split, so that a benchmark can check that they agree.
"""

from collections.abc import Callable, Iterator

import networkx as nx
import numpy as np

from partitioner import CostProfile, LayerGraph, Link
from partitioner.reference import FlowNetwork
from partitioner.searched.min_cut import CutNetwork, model_arcs
from partitioner.searched.problem import Problem

Engine = Callable[[Link], float]


def arcs(graph: LayerGraph, costs: CostProfile, link: Link) -> Iterator[tuple[int, int, float]]:
    """Yields the network's arcs: tail, head, capacity.

    Layers are their positions, the source is -1 and the sink -2; the vertex that stands for the sending of layer v to
    several readers is -3 - v.
    """
    weights, structure = Problem.of(graph, costs, link).weighted(np.ones(3)), graph.structure
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


def networkx_engine(graph: LayerGraph, costs: CostProfile) -> Engine:
    """The minimum cut of networkx (preflow-push, its default); the graph is built for each decision."""

    def lowest_latency_s(link: Link) -> float:
        network = nx.DiGraph()
        for tail, head, capacity in arcs(graph, costs, link):
            # An arc between the same two vertices may be there already: of sending and of closure, in both directions.
            before = network.get_edge_data(tail, head, {"capacity": 0.0})["capacity"]
            network.add_edge(tail, head, capacity=before + capacity)
        return _or_edge_only(float(nx.minimum_cut_value(network, -1, -2)), costs, link)

    return lowest_latency_s


def dinic_engine(graph: LayerGraph, costs: CostProfile) -> Engine:
    """Plain Dinic in Python; the network is built for each decision, as the flow uses it up."""
    vertices = 2 * len(graph) + 2

    def lowest_latency_s(link: Link) -> float:
        network = FlowNetwork(vertices)
        for tail, head, capacity in arcs(graph, costs, link):
            # From the end: -1 and -2 are source and sink, and -3 - v is the last but two, and so on.
            network.add_arc(tail % vertices, head % vertices, capacity)
        return _or_edge_only(network.push_maximum(vertices - 1, vertices - 2), costs, link)

    return lowest_latency_s


def scipy_engine(graph: LayerGraph, costs: CostProfile) -> Engine:
    """Maximum flow of scipy in proven rounds: `partitioner.searched.min_cut`. The network is built once."""
    network = CutNetwork(model_arcs(graph.structure))

    def lowest_latency_s(link: Link) -> float:
        return _or_edge_only(Problem.of(graph, costs, link, network=network).minimum(np.ones(3)).cost, costs, link)

    return lowest_latency_s


def _or_edge_only(cut_s: float, costs: CostProfile, link: Link) -> float:
    """The fixed time of a call is no arc: it is added, and compared with edge-only."""
    return min(cut_s + link.fixed_s, float(np.sum(costs.edge_s)))
