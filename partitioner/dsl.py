"""DSL, "DNN surgery light": the split of the lowest latency (DADS, section III-B).

Reference: C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge",
IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

from collections.abc import Sequence

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph
from partitioner.partition import Partition
from partitioner.splits import splits_of

# Below this many closed sets, listing them is faster than a minimum cut.
_LISTED = 50_000


def dsl(graph: LayerGraph, costs: CostProfile, link: Link, encodings: Sequence[Encoding] = ()) -> Partition:
    """Returns the split of the lowest latency; exact for every graph.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        encodings: Encodings to choose from; if empty, only raw: the graph's bytes, without encoding time.

    Returns:
        The split, with ``lower_bound_s == latency_s``. Ties: lower bottleneck, then fewer bytes, then graph order, then
        the order of the encodings. A minimum cut breaks ties in no defined order.

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
    return splits_of(graph, costs, encodings, max_sets=_LISTED).dsl(link)
