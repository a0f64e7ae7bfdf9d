"""Neurosurgeon: the best cut of a model that is treated as a chain; the baseline of DADS.

Neurosurgeon tries every layer of a chain as the last one on the edge. For other graphs DADS (section V-A) compares with
a variant that first sorts the layers topologically and then cuts that order in two. Every prefix of a topological order
is closed, so each such cut is a valid split. But a graph with branches has many splits that are no prefix of one order.

References: Y. Kang, J. Hauswald, C. Gao, A. Rovinski, T. Mudge, J. Mars, L. Tang, "Neurosurgeon: Collaborative
Intelligence Between the Cloud and Mobile Edge", ASPLOS 2017, doi:10.1145/3037697.3037698; the variant: C. Hu, W. Bao,
D. Wang, F. Liu, INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

from collections.abc import Iterator

from partitioner.costs import CostProfile, Link
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.partition import Partition


def chain_splits(graph: LayerGraph, costs: CostProfile, link: Link) -> Iterator[Partition]:
    """Prices the prefixes of the graph's own order, from cloud-only to edge-only.

    Model inputs come first, because they are on the edge in every split.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.

    Raises:
        PartitionError: The costs do not fit the graph.

    Complexity: O(layers (layers + arcs)); each split is priced by the definition.
    """
    costs.check(graph)
    inside = set(graph.structure.inputs)
    yield price(graph, costs, link, inside)
    for v, sources in enumerate(graph.structure.predecessors):
        if sources:
            inside.add(v)
            yield price(graph, costs, link, inside)


def neurosurgeon(graph: LayerGraph, costs: CostProfile, link: Link) -> Partition:
    """Returns the prefix of the lowest latency; ties go to the lower bottleneck, then to the shorter prefix.

    On a chain the prefixes are all the splits, so the result is optimal. On other graphs it may not be.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.

    Returns:
        The split; nothing is proven about others, so `lower_bound_s` is 0.

    Raises:
        PartitionError: The costs do not fit the graph.

    Example:
        Two branches: `a` is faster in the cloud, `b` on the edge. No prefix has `b` without `a`.

        >>> from partitioner import Layer, dsl
        >>> layers = (Layer("image", (), 1), Layer("a", ("image",), 0), Layer("b", ("image",), 0))
        >>> graph, costs = LayerGraph(layers, ("a", "b")), CostProfile(edge_s=(0, 9, 1), cloud_s=(0, 1, 9))
        >>> neurosurgeon(graph, costs, Link(uplink_bps=8)).latency_s, dsl(graph, costs, Link(uplink_bps=8)).latency_s
        (10.0, 3.0)
    """
    return min(chain_splits(graph, costs, link), key=lambda split: (split.latency_s, split.bottleneck_s))
