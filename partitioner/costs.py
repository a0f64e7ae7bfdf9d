"""What a decision needs besides the graph: seconds of each layer, and the link."""

import math
from dataclasses import dataclass, replace

from partitioner.errors import PartitionError
from partitioner.graph import LayerGraph, are_numbers, check_number


@dataclass(frozen=True, slots=True)
class CostProfile:
    """Seconds of every layer on either side, in graph order.

    `check` compares the numbers with a graph, so that an error names the layer.

    Attributes:
        edge_s: Seconds of each layer on the edge; finite, at least 0.
        cloud_s: Seconds of each layer in the cloud; finite, at least 0.
    """

    edge_s: tuple[float, ...]
    cloud_s: tuple[float, ...]

    def check(self, graph: LayerGraph) -> None:
        """Raises `PartitionError`, naming the layer, unless this is a valid profile of `graph`."""
        for side, times in (("edge_s", self.edge_s), ("cloud_s", self.cloud_s)):
            if len(times) != len(graph):
                without = [layer.name for layer in graph.layers[len(times) :]]
                hint = f"; the first without one is {without[0]!r}" if without else ""
                raise PartitionError(f"{side} has {len(times)} times for {len(graph)} layers{hint}")
            if not are_numbers(times):
                for layer, seconds in zip(graph.layers, times, strict=True):
                    check_number(seconds, f"layer {layer.name!r}: {side}")
            if math.isinf(sum(times)):
                raise PartitionError(f"{side}: the times of all layers add up to infinity")


@dataclass(frozen=True, slots=True)
class Link:
    """The network between edge and cloud, as a call sees it.

    A measured bandwidth of 0 is not a link: it means edge-only.

    Attributes:
        uplink_bps: Bits per second from edge to cloud, in (0, inf].
        downlink_bps: Bits per second from cloud to edge, in (0, inf].
        fixed_s: Round trip and overhead of one call, in seconds; delays a frame but occupies no stage.

    Raises:
        PartitionError: A rate is not in (0, inf], or `fixed_s` is not a finite number of at least 0.
    """

    uplink_bps: float
    downlink_bps: float = math.inf
    fixed_s: float = 0.0

    def __post_init__(self) -> None:
        check_rate(self.uplink_bps, "uplink_bps", "; without bandwidth, everything stays on the edge")
        check_rate(self.downlink_bps, "downlink_bps")
        check_number(self.fixed_s, "fixed_s")

    def transfer_s(self, bytes_up: float, bytes_down: float) -> float:
        """Seconds that the link is busy with one frame."""
        return 8.0 * bytes_up / self.uplink_bps + 8.0 * bytes_down / self.downlink_bps

    def at_worst(self, uplink_interval_bps: tuple[float, float]) -> "Link":
        """Returns this link with the worst uplink of an interval, which is its low end for every split.

        A split's transfer time never falls when the uplink does, and its other times do not depend on it; so its
        latency and its bottleneck are largest at the low end, and the split that is best there has the best worst case.

        Args:
            uplink_interval_bps: The lowest and the highest rate that the uplink may have, both in (0, inf].

        Raises:
            PartitionError: The interval is not two rates in ascending order.

        Example:
            >>> Link(uplink_bps=5e6, fixed_s=0.01).at_worst((4e6, 7e6))
            Link(uplink_bps=4000000.0, downlink_bps=inf, fixed_s=0.01)
        """
        try:
            low_bps, high_bps = uplink_interval_bps
        except (TypeError, ValueError) as error:
            raise PartitionError(
                f"uplink_interval_bps is {uplink_interval_bps!r}: expected the lowest and the highest rate"
            ) from error
        check_rate(low_bps, "uplink_interval_bps: the lowest rate", "; without bandwidth, everything stays on the edge")
        check_rate(high_bps, "uplink_interval_bps: the highest rate")
        if low_bps > high_bps:
            raise PartitionError(f"uplink_interval_bps is {uplink_interval_bps!r}: the lowest rate comes first")
        return replace(self, uplink_bps=low_bps)


def check_rate(rate: float, what: str, hint: str = "") -> None:
    """Raises `PartitionError` unless `rate` is in (0, inf]; `what` begins the message and `hint` ends it."""
    try:
        valid = rate > 0
    except TypeError as error:
        raise PartitionError(f"{what} is {rate!r}: expected a number above 0{hint}") from error
    if not valid:
        raise PartitionError(f"{what} is {rate!r}: expected a number above 0{hint}")


def check_loads(edge_load: float, cloud_load: float) -> None:
    """Raises `PartitionError` unless both factors on the times of a side are finite and at least 0."""
    check_number(edge_load, "edge_load")
    check_number(cloud_load, "cloud_load")
