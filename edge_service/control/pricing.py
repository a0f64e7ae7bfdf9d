"""What a split costs under the current conditions, slow start included."""

import dataclasses
import math

from edge_service.control.conditions import Conditions
from partitioner import LayerGraph, Link, Partition
from partitioner.evaluate import crossing, fits_message
from partitioner.splits import Splits

_LARGE_ANSWER_BYTES = 16_000  # smaller ones are not announced, and hardly take time


def price(edge: frozenset[str], splits: Splits, conditions: Conditions, encoding: str = "raw") -> Partition:
    """Prices one split.

    Args:
        edge: Names of the layers on the edge; the layer that stands for packets may be left out.
        splits: The model's splits at current times and sizes.
        conditions: Link and loads.
        encoding: The encoding of the cut.

    Raises:
        PartitionError: The split is not feasible, or there is no such encoding.
    """
    if conditions.packets:
        edge |= {splits.graph.layers[0].name}
    link, edge_load, cloud_load = conditions.link, conditions.edge_load, conditions.cloud_load
    partition = splits.evaluate(edge, link, edge_load=edge_load, cloud_load=cloud_load, encoding=encoding)
    if conditions.slow_start is None or partition.transfer_s in {0.0, math.inf}:
        return partition
    lost_s = conditions.slow_start.lost_s(_upload_s(partition, splits, link) * link.uplink_bps / 8.0)
    return dataclasses.replace(partition, transfer_s=partition.transfer_s + lost_s)


def link_for(used: Partition, splits: Splits, conditions: Conditions) -> Link:
    """The link at the mean rate of a split's upload, which is below the link's own if the upload begins in slow start.

    A decision with this one rate is right for uploads of about this size. So it can find a split that sends much less
    when slow start makes a large upload expensive. The result is then priced by its own size, by `price`.
    """
    link, slow_start = conditions.link, conditions.slow_start
    if slow_start is None:
        return link
    open_s = _upload_s(used, splits, link)
    if open_s in {0.0, math.inf}:
        return link
    lost_s = slow_start.lost_s(open_s * link.uplink_bps / 8.0)
    return dataclasses.replace(link, uplink_bps=link.uplink_bps * open_s / (open_s + lost_s))


def _upload_s(partition: Partition, splits: Splits, link: Link) -> float:
    """Seconds of a split's upload on an open window."""
    up = dataclasses.replace(link, downlink_bps=math.inf)
    return splits.evaluate(partition.edge, up, encoding=partition.encoding).transfer_s


def everything(splits: Splits) -> frozenset[str]:
    """The split that runs every layer on the edge."""
    return frozenset(layer.name for layer in splits.graph.layers)


def inputs(splits: Splits) -> frozenset[str]:
    """The split that runs every layer in the cloud: the edge has the model's inputs, or the packets that hold it."""
    return frozenset(layer.name for layer in splits.graph.layers if not layer.inputs)


def decoded_inputs(splits: Splits) -> frozenset[str]:
    """Where a layer stands for packets: the split that sends the frame instead, which the edge decodes."""
    return frozenset(layer.name for layer in splits.graph.layers[:2])


def traffic(graph: LayerGraph, edge: frozenset[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of the layers whose values a split sends up, and of the outputs that come down."""
    return crossing(graph, {graph.structure.position[name] for name in edge}), _answers(graph, edge)


def answer_bytes(graph: LayerGraph, edge: frozenset[str]) -> float:
    """Bytes of the outputs that come down."""
    return float(sum(graph.layers[i].output_bytes for i in _answers(graph, edge)))


def large_answers(graph: LayerGraph) -> bool:
    """Whether the model's outputs are so large that the way down counts."""
    return answer_bytes(graph, frozenset()) >= _LARGE_ANSWER_BYTES


def _answers(graph: LayerGraph, edge: frozenset[str]) -> tuple[int, ...]:
    return tuple(i for i in graph.structure.outputs if graph.layers[i].name not in edge)


def can_be_sent(graph: LayerGraph, partition: Partition) -> bool:
    """Whether all that a split sends, up and down, fits in messages.

    No split of a table lacks that. But a search does not know how much values take together, and a policy may be the
    caller's own.
    """
    if partition.transfer_s == math.inf:
        return False
    if graph.max_message_bytes == math.inf:
        return True
    return all(fits_message(graph, positions) for positions in traffic(graph, partition.edge))
