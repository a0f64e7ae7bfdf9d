"""What the solvers return: a split with its times, and a decision."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Partition:
    """A split of the model, and what one frame costs with it.

    Attributes:
        edge: Names of the layers that run on the edge; the rest run in the cloud.
        cut: Names of the layers whose tensors are sent, in graph order; empty when nothing is in the cloud.
        edge_s: Seconds of compute on the edge, Te, encoding included.
        transfer_s: Seconds of transfer, up and down, Tt; 0 when nothing is in the cloud, inf if the encoding may not be
            used for this cut, or if what would be sent does not fit in a message.
        cloud_s: Seconds of compute in the cloud, Tc, decoding included.
        fixed_s: Round trip and overhead of the call in seconds; 0 when nothing is in the cloud.
        lower_bound_s: Proven lower bound on what was minimised: the latency for DSL and for DSH with a rate that the
            split keeps up with, else the bottleneck. Equal to that when the split is optimal; 0 when nothing was
            minimised.
        encoding: Name of the encoding in which the cut is sent; "raw" when nothing is in the cloud.
        encode_s: Seconds of `edge_s` that encoding takes.
        decode_s: Seconds of `cloud_s` that decoding takes.
    """

    edge: frozenset[str]
    cut: tuple[str, ...]
    edge_s: float
    transfer_s: float
    cloud_s: float
    fixed_s: float
    lower_bound_s: float
    encoding: str = "raw"
    encode_s: float = 0.0
    decode_s: float = 0.0

    @property
    def latency_s(self) -> float:
        """Seconds from frame to result when no other frame is in flight: Te + Tt + Tc + F."""
        return self.edge_s + self.transfer_s + self.cloud_s + self.fixed_s

    @property
    def bottleneck_s(self) -> float:
        """Seconds between results when frames are pipelined: max(Te, Tt, Tc)."""
        return max(self.edge_s, self.transfer_s, self.cloud_s)


@dataclass(frozen=True, slots=True)
class Decision:
    """Which split to run at a given frame rate, and whether it keeps up.

    Attributes:
        partition: The chosen split.
        mode: "light" when the lowest-latency split keeps up with the rate, else "heavy".
        keeps_up: Whether the chosen split's bottleneck is below 1 / rate.
        max_rate_hz: Limit of the rate in frames per second; every lower rate can be sustained. It is 1 over the
            smallest bottleneck of any split, inf when that is 0. Where splits are searched, it is that of the smallest
            bottleneck found.
        worst_case_uplink_bps: If the uplink was given as an interval, its worst rate: all of the above, the split's
            times included, hold at it. None if the link's own rate was used.
    """

    partition: Partition
    mode: Literal["light", "heavy"]
    keeps_up: bool
    max_rate_hz: float
    worst_case_uplink_bps: float | None = None
