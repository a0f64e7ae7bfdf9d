"""DSH, "DNN surgery heavy": the split for frames that are pipelined (DADS, section III-C).

Reference: C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge",
IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

from collections.abc import Sequence

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph
from partitioner.partition import Partition
from partitioner.splits import splits_of


def dsh(
    graph: LayerGraph,
    costs: CostProfile,
    link: Link,
    rate_hz: float | None = None,
    encodings: Sequence[Encoding] = (),
) -> Partition:
    """Returns the split for heavy load.

    Frames are pipelined over edge, link and cloud, so one is done every max(Te, Tt, Tc), the bottleneck. Without a
    rate, the smallest bottleneck is chosen. With a rate, it is the lowest latency among the splits whose bottleneck is
    below 1 / rate, or the smallest bottleneck if there is none. Minimising the bottleneck is NP-hard. Where the closed
    sets can be listed, the answer is exact; else it is the best split that weighted minimum cuts and a search tree
    find, with a proven bound (see `partitioner.searched`).

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        rate_hz: Frames per second, above 0.
        encodings: Encodings to choose from; if empty, only raw: the graph's bytes, without encoding time.

    Returns:
        The split; `lower_bound_s` bounds the latency if a rate is given and the split keeps up, else the bottleneck.
        Ties: lower latency, then fewer bytes, then graph order, then the order of the encodings; under a rate, lower
        bottleneck first.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, two encodings have one name, or the rate is not
            above 0.

    Example:
        >>> from partitioner import Layer
        >>> graph = LayerGraph((Layer("image", (), 1000), Layer("conv", ("image",), 10)), outputs=("conv",))
        >>> costs = CostProfile(edge_s=(0.0, 0.5), cloud_s=(0.0, 0.1))
        >>> dsh(graph, costs, Link(uplink_bps=2e4, fixed_s=0.1)).bottleneck_s
        0.4
        >>> dsh(graph, costs, Link(uplink_bps=2e4, fixed_s=0.1), rate_hz=1.0).latency_s
        0.5
    """
    return splits_of(graph, costs, encodings).dsh(link, rate_hz)
