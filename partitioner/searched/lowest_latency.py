"""Light load by a minimum cut: exact for every graph, with one cut for each encoding.

What a cut costs is the sum of its arcs (see `partitioner.searched.min_cut`); here a layer's seconds and bytes become
weights of arcs.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.listed.closed_sets import FloatArray
from partitioner.partition import Partition
from partitioner.searched.min_cut import CutNetwork, Weights, model_arcs


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
