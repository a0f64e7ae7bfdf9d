"""Light or heavy load: whether DSL or DSH chooses at a given frame rate (DADS, section III-D, Algorithm 3).

Reference: C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge",
IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

from collections.abc import Sequence
from dataclasses import replace

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.graph import LayerGraph
from partitioner.partition import Decision
from partitioner.splits import splits_of


def decide(
    graph: LayerGraph,
    costs: CostProfile,
    link: Link,
    rate_hz: float,
    uplink_interval_bps: tuple[float, float] | None = None,
    encodings: Sequence[Encoding] = (),
) -> Decision:
    """Chooses the split, and the encoding of its cut, for frames that arrive at `rate_hz`.

    The load is light when the bottleneck of DSL's split is below 1 / rate; then that split is chosen. A bottleneck of
    exactly 1 / rate is heavy load. Under heavy load, the split of `partitioner.dsh` with the rate is chosen.

    If only an interval of the uplink is known, its worst case replaces each of these numbers: among the splits that
    keep up at every rate of the interval, the lowest worst latency; else the smallest worst bottleneck.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        rate_hz: Frames per second, above 0.
        uplink_interval_bps: The lowest and the highest rate that the uplink may have, in place of the link's own.
        encodings: Encodings to choose from; if empty, only raw: the graph's bytes, without encoding time.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, two encodings have one name, the rate is not
            above 0, or the interval is not two rates in (0, inf] in ascending order.

    Example:
        >>> from partitioner import Layer
        >>> graph = LayerGraph((Layer("image", (), 1000), Layer("conv", ("image",), 10)), outputs=("conv",))
        >>> costs = CostProfile(edge_s=(0.0, 0.5), cloud_s=(0.0, 0.1))
        >>> decide(graph, costs, Link(uplink_bps=2e4, fixed_s=0.1), rate_hz=2.0).mode
        'heavy'
        >>> decide(graph, costs, Link(uplink_bps=8e4), 1.0).partition.cut
        ('image',)
        >>> worst = decide(graph, costs, Link(uplink_bps=8e4), 1.0, uplink_interval_bps=(1e4, 9e4))
        >>> worst.partition.cut, worst.worst_case_uplink_bps
        ((), 10000.0)
    """
    if uplink_interval_bps is not None:
        link = link.at_worst(uplink_interval_bps)
        return replace(decide(graph, costs, link, rate_hz, encodings=encodings), worst_case_uplink_bps=link.uplink_bps)
    return splits_of(graph, costs, encodings).decide(link, rate_hz)
