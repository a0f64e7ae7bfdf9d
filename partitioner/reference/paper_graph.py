"""The flow network of DADS exactly as its paper prints it (section III-B, equation 4), and light load solved on it.

The printed network G' has the layers, a source e (the edge), a sink c (the cloud), and an auxiliary vertex v' for every
layer v with more than one successor. Its links, with t the seconds of a layer:

* red, e -> v with the cloud's t: cut when v is in the cloud;
* blue, v -> c with the edge's t: cut when v is on the edge;
* black, v -> successor, or v -> v' where there are several: the t of sending v's output;
* dashed, v' -> successors: infinite.

Two things are missing, so the minimum cut may not be a valid split:

* nothing keeps a model input on the edge: a cut may have the frame in the cloud without sending it;
* nothing keeps a cut **closed**: v may be on the edge while its predecessor is in the cloud. Sending the data back is
  free, because a cut pays only for arcs from the edge's side to the cloud's.

Infinite arcs repair both: e -> model input, and successor -> predecessor for every arc of the model. Here each of them
is an option, to show each defect by itself. With both, the network is that of `partitioner.searched.min_cut`.

Reference: C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge",
IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

import math
from dataclasses import dataclass

from partitioner.costs import CostProfile, Link
from partitioner.graph import LayerGraph
from partitioner.reference.max_flow import FlowNetwork


@dataclass(frozen=True, slots=True)
class PaperCut:
    """A minimum cut of the paper's network.

    Attributes:
        edge: Names of the layers on the edge's side; not always a valid split, see `partitioner.evaluate`.
        value_s: What the cut costs, which the paper takes for the latency of one frame, in seconds.
    """

    edge: frozenset[str]
    value_s: float


def paper_cut(
    graph: LayerGraph, costs: CostProfile, link: Link, *, pin_inputs: bool = False, arcs_back: bool = False
) -> PaperCut:
    """Solves light load as Algorithm 1 of the paper does.

    The paper has no downlink and no fixed time of a call; those of `link` are ignored.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network; every transfer time over its uplink must be finite.
        pin_inputs: Adds the arcs that keep model inputs on the edge.
        arcs_back: Adds the arcs that keep the edge's side closed.

    Raises:
        PartitionError: The costs do not fit the graph.

    Complexity: O(layers^2 arcs).

    Example:
        A chain of three layers is enough: `a` is faster in the cloud, `b` on the edge. The printed network places both
        there, although `b` would then need the output of `a` back.

        >>> from partitioner import Layer, dsl
        >>> layers = (Layer("image", (), 2), Layer("a", ("image",), 5), Layer("b", ("a",), 0))
        >>> graph, costs = LayerGraph(layers, ("b",)), CostProfile(edge_s=(0, 10, 1), cloud_s=(0, 1, 10))
        >>> link = Link(uplink_bps=8)
        >>> paper_cut(graph, costs, link).value_s, paper_cut(graph, costs, link, pin_inputs=True).value_s
        (2.0, 4.0)
        >>> paper_cut(graph, costs, link, pin_inputs=True, arcs_back=True).value_s, dsl(graph, costs, link).latency_s
        (11.0, 11.0)
    """
    costs.check(graph)
    structure = graph.structure
    count = len(graph)
    source, sink = count, count + 1
    network = FlowNetwork(count + 2 + sum(len(readers) > 1 for readers in structure.successors))
    auxiliary = sink
    for v, readers in enumerate(structure.successors):
        network.add_arc(source, v, costs.cloud_s[v])
        network.add_arc(v, sink, costs.edge_s[v])
        send_s = link.transfer_s(graph.layers[v].output_bytes, 0) if graph.layers[v].sendable else math.inf
        if len(readers) == 1:
            network.add_arc(v, readers[0], send_s)
        elif readers:
            auxiliary += 1
            network.add_arc(v, auxiliary, send_s)
            for reader in readers:
                network.add_arc(auxiliary, reader, math.inf)
        if arcs_back:
            for reader in readers:
                network.add_arc(reader, v, math.inf)
    if pin_inputs:
        for v in structure.inputs:
            network.add_arc(source, v, math.inf)
    value_s = network.push_maximum(source, sink)
    side = network.reachable(source)
    return PaperCut(frozenset(layer.name for v, layer in enumerate(graph.layers) if v in side), value_s)
