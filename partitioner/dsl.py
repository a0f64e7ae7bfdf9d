"""DSL, "DNN surgery light": the split of the lowest latency (DADS, section III-B).

Reference: C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge",
IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding, check_encodings
from partitioner.errors import TooManySplitsError
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.listed.closed_sets import FloatArray
from partitioner.listed.split_table import SplitTable
from partitioner.partition import Partition
from partitioner.searched.min_cut import CutNetwork, Weights, model_arcs

# Below this many closed sets, listing them is faster than a minimum cut.
_LISTED = 50_000


def dsl(graph: LayerGraph, costs: CostProfile, link: Link, encodings: Sequence[Encoding] = ()) -> Partition:
    """Returns the split of the lowest latency; exact for every graph.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        encodings: What the cut may be sent in; none for the graph's bytes, without time.

    Returns:
        The split, with ``lower_bound_s == latency_s``. Ties: lower bottleneck, then fewer bytes, then graph order, then
        the order of the encodings; where a minimum cut decides, ties are broken as the cut falls.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, or two encodings have one name.

    Complexity: for each encoding a scan of the closed sets where they are few, else maximum flows on O(layers)
    vertices.

    Example:
        >>> from partitioner import Layer
        >>> graph = LayerGraph((Layer("image", (), 1000), Layer("conv", ("image",), 10)), outputs=("conv",))
        >>> costs = CostProfile(edge_s=(0.0, 0.5), cloud_s=(0.0, 0.1))
        >>> dsl(graph, costs, Link(uplink_bps=8e4)).cut
        ('image',)
        >>> dsl(graph, costs, Link(uplink_bps=8e4, fixed_s=0.4)).cut
        ()
    """
    try:
        table = SplitTable(graph, costs, max_sets=_LISTED, encodings=encodings)
    except TooManySplitsError:
        return lowest_latency([dsl_by_min_cut(graph, costs, link, each) for each in check_encodings(graph, encodings)])
    return table.dsl(link)


def lowest_latency(splits: Sequence[Partition]) -> Partition:
    """Returns the best of the best splits for each encoding; no split of any encoding beats the least bound."""
    best = min(splits, key=lambda split: (split.latency_s, split.bottleneck_s))
    return dataclasses.replace(best, lower_bound_s=min(split.lower_bound_s for split in splits))


def dsl_by_min_cut(graph: LayerGraph, costs: CostProfile, link: Link, encoding: Encoding | None = None) -> Partition:
    """Returns the split of the lowest latency by a minimum cut (see `partitioner.searched.min_cut`).

    The fixed time of a call is no arc: the best split that offloads anything is compared with edge-only.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        encoding: What the cut is sent in, valid for the graph; None for the graph's bytes, without time.

    Raises:
        PartitionError: The costs do not fit the graph.
    """
    costs.check(graph)
    cut = CutNetwork(model_arcs(graph.structure)).minimum(stage_weights(graph, costs, link, encoding))
    found = price(graph, costs, link, frozenset(np.flatnonzero(cut.inside).tolist()), encoding)
    edge_only = price(graph, costs, link, frozenset(range(len(graph))))
    best = min(edge_only, found, key=lambda split: (split.latency_s, split.bottleneck_s))
    proven_s = best.latency_s if cut.is_minimum else min(edge_only.latency_s, cut.lower_bound + link.fixed_s)
    return dataclasses.replace(best, lower_bound_s=min(best.latency_s, proven_s))


def stage_weights(
    graph: LayerGraph,
    costs: CostProfile,
    link: Link,
    encoding: Encoding | None = None,
    *,
    edge: float = 1.0,
    transfer: float = 1.0,
    cloud: float = 1.0,
) -> Weights:
    """Returns what each layer adds to ``edge * Te + transfer * Tt + cloud * Tc``.

    Encoding and decoding add to the edge and the cloud for each tensor that is sent, so they are weights of sending.
    """
    size = np.array([layer.output_bytes for layer in graph.layers], dtype=np.float64)
    outputs = np.array(graph.structure.outputs, dtype=np.intp)
    in_cloud = cloud * np.array(costs.cloud_s, dtype=np.float64)
    in_cloud[outputs] += transfer * _seconds(size[outputs], link.downlink_bps)
    return Weights(
        edge=edge * np.array(costs.edge_s, dtype=np.float64),
        cloud=in_cloud,
        send=transfer * _seconds(size, link.uplink_bps)
        if encoding is None
        else np.array([edge, transfer, cloud]) @ _sending(encoding, costs, link),
    )


def _sending(encoding: Encoding, costs: CostProfile, link: Link) -> FloatArray:
    """Returns what each layer adds to Te, Tt and Tc when it is sent: float64 [3, layers].

    A tensor that may not be sent takes twice as long as the whole model on the edge, in every stage: a split that sends
    it is never chosen before edge-only, whatever the weights, and no bound is lower for it.
    """
    send = np.array([encoding.encode_s, _seconds(np.array(encoding.output_bytes), link.uplink_bps), encoding.decode_s])
    send[:, np.isinf(encoding.output_bytes)] = 2.0 * math.fsum(costs.edge_s) or 1.0
    return send


def _seconds(size: FloatArray, rate_bps: float) -> FloatArray:
    """Transfer times, with a finite one in place of infinity: it is never chosen, but can be added up."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.minimum(8.0 * size / rate_bps, 1e200)
