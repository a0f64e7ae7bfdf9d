"""What a frame costs that is sent as packets of its source: their bytes, and the seconds of decoding on either side.

Laws:

- time is an argument; nothing here reads a clock;
- what is believed is finite and not negative, whatever the samples; it moves only when samples drift away from it;
- a keyframe is many times larger than the packets between: the mean over some seconds counts, not a single frame.
"""

import math
from dataclasses import dataclass, replace

from edge_service.control.estimators.load import LoadEstimator

# Every move prices all splits again. Seconds scatter more than bytes, and the edge's are part of every split but one.
_BYTES_DRIFT = 1.1
_SECONDS_DRIFT = 1.25
_SMOOTHED_S = 2.0
_LEAST_S = 1e-4
_LARGEST_BYTES = 1e9  # far more than a message holds


@dataclass(frozen=True, slots=True)
class PacketCosts:
    """What was measured of a source before the run.

    Attributes:
        layer: The model's only input, a picture, which the packets hold.
        bytes_per_frame: Bytes of all packets from one sampled frame to the next, on average.
        decode_s: Seconds on this machine to decode and prepare a sampled frame, all pictures in between included.
        always_decodes: Whether the edge decodes every frame, however it is sent: to verify or to draw it.

    Raises:
        ValueError: Bytes or seconds are not finite numbers of at least 0.
    """

    layer: str
    bytes_per_frame: float
    decode_s: float
    always_decodes: bool = False

    def __post_init__(self) -> None:
        for what, number in (("bytes_per_frame", self.bytes_per_frame), ("decode_s", self.decode_s)):
            if not 0.0 <= number < math.inf:
                raise ValueError(f"{what} must be a finite number of at least 0, not {number}")

    def slowed(self, slowdown: float) -> "PacketCosts":
        """The same costs on an edge that is `slowdown` times slower."""
        return replace(self, decode_s=self.decode_s * slowdown)


@dataclass(frozen=True, slots=True)
class PacketPrices:
    """What splits are priced with.

    Attributes:
        bytes: Bytes of a frame's packets.
        edge_s: Seconds to decode and prepare a frame on the edge, at load 1.
        cloud_s: The same in the cloud.
    """

    bytes: float
    edge_s: float
    cloud_s: float

    def same_seconds(self, other: "PacketPrices") -> bool:
        """Whether only bytes differ."""
        return (self.edge_s, self.cloud_s) == (other.edge_s, other.cloud_s)


class PacketEstimates:
    """Follows the bytes and seconds of a source.

    Args:
        costs: What was measured before.

    Attributes:
        prices: What is believed now.
    """

    def __init__(self, costs: PacketCosts) -> None:
        self._edge_s = max(costs.decode_s, _LEAST_S)
        self._cloud_s = self._edge_s
        self._bytes = _MeanBytes(costs.bytes_per_frame)
        # How many times longer decoding takes than was expected; without samples this ratio decays to 1.
        self._edge_ratio = LoadEstimator(min_predicted_s=0.0)
        self._cloud_ratio = LoadEstimator(min_predicted_s=0.0)
        self.prices = PacketPrices(max(costs.bytes_per_frame, 1.0), self._edge_s, self._cloud_s)

    def compared(self, cloud_over_edge: float) -> None:
        """The cloud is expected to decode in this share of the edge's time."""
        before_s, self._cloud_s = self._cloud_s, max(self._edge_s * cloud_over_edge, _LEAST_S)
        self.prices = replace(self.prices, cloud_s=self.prices.cloud_s * self._cloud_s / before_s)

    def sized(self, size: float, now_s: float) -> None:
        """A frame's packets are `size` bytes."""
        self._bytes.add(size, now_s)

    def decoded(self, seconds: float, now_s: float) -> None:
        """A frame was decoded here, in `seconds` at load 1."""
        self._edge_ratio.add(self._edge_s, seconds, now_s)

    def decoded_there(self, seconds: float, now_s: float) -> None:
        """A frame was decoded in the cloud, in `seconds` at load 1."""
        self._cloud_ratio.add(self._cloud_s, seconds, now_s)

    def moved(self, now_s: float) -> bool:
        """Whether the samples have drifted away from `prices`; what has drifted follows them then."""
        before = self.prices
        self.prices = PacketPrices(
            _followed(max(self._bytes.mean, 1.0), before.bytes, _BYTES_DRIFT),
            _followed(self._edge_s * self._edge_ratio.factor(now_s), before.edge_s, _SECONDS_DRIFT),
            _followed(self._cloud_s * self._cloud_ratio.factor(now_s), before.cloud_s, _SECONDS_DRIFT),
        )
        return self.prices != before


class _MeanBytes:
    """A moving average, smoothed twice, so that the keyframes every few seconds hardly show in it."""

    def __init__(self, first: float) -> None:
        self.mean = self._once = first
        self._at_s: float | None = None

    def add(self, size: float, now_s: float) -> None:
        """Takes the bytes since the last call; those of the first, which may be a keyframe, only start the clock."""
        if not 0.0 <= size <= _LARGEST_BYTES:
            return
        since_s, self._at_s = (0.0 if self._at_s is None else now_s - self._at_s), now_s
        weight = 1.0 - math.exp(-min(since_s / _SMOOTHED_S, 1.0))
        self._once += weight * (size - self._once)
        self.mean += weight * (self._once - self.mean)


def _followed(seen: float, believed: float, ratio: float) -> float:
    return believed if believed / ratio <= seen <= believed * ratio else seen
