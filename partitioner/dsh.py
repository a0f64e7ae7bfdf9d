"""DSH, "DNN surgery heavy": the split for frames that arrive faster than one by one (DADS, section III-C).

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

    Frames are pipelined over edge, link and cloud, so one is done every max(Te, Tt, Tc). Without a rate, the split
    that makes this smallest; with a rate, the one of the lowest latency among those that stay below 1 / rate, and the
    smallest maximum when none does. The min-max is NP-hard. Where the closed sets can be listed, the answer is exact;
    else it is the best that weighted minimum cuts and a search tree find, with a proven bound (see
    `partitioner.searched`).

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        rate_hz: Frames per second, above 0.
        encodings: What the cut may be sent in; none for the graph's bytes, without time.

    Returns:
        The split; `lower_bound_s` bounds the latency when a rate is given and kept up with, else the bottleneck. Ties:
        lower latency, then fewer bytes, then graph order, then the order of the encodings; under a rate, lower
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
