"""What the edge knows of each way to send a tensor, and how far the sizes of now are from those it measured."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from partitioner import Encoding

# Contents change from frame to frame; smaller drifts than this are not worth pricing every split anew.
_DRIFT = 1.1
_WEIGHT = 0.2
# What a message adds around its tensors weighs on smaller cuts.
_SMALLEST = 1024
_LARGEST = 1e3


@dataclass(frozen=True, slots=True)
class EncodingCosts:
    """The edge's half of an encoding's price, per layer in graph order; the cloud adds the seconds of decoding.

    Attributes:
        name: Of the encoding.
        output_bytes: Bytes of each layer's value on the wire; inf where it may not be sent so.
        encode_s: Seconds on the edge to encode it, at load 1.
    """

    name: str
    output_bytes: tuple[float, ...]
    encode_s: tuple[float, ...]

    def slowed(self, slowdown: float) -> "EncodingCosts":
        """The same on an edge that is so many times slower."""
        return replace(self, encode_s=tuple(seconds * slowdown for seconds in self.encode_s))

    def priced(self, decode_s: tuple[float, ...], size_ratio: float) -> Encoding:
        """The whole price.

        Args:
            decode_s: Seconds in the cloud to decode each layer's value, at load 1.
            size_ratio: How many times larger values are now than when they were measured.
        """
        return Encoding(
            name=self.name,
            output_bytes=tuple(size * size_ratio for size in self.output_bytes),
            encode_s=self.encode_s,
            decode_s=decode_s,
        )


def bytes_of(costs: tuple[EncodingCosts, ...], encoding: str, positions: Iterable[int]) -> float:
    """What these layers took together in an encoding when they were measured; 0 for an encoding that was not."""
    found = next((each for each in costs if each.name == encoding), None)
    return 0.0 if found is None else sum(found.output_bytes[position] for position in positions)


def usable(costs: tuple[EncodingCosts, ...], decode_s: Mapping[str, tuple[float, ...]]) -> tuple[EncodingCosts, ...]:
    """The encodings that the cloud understands: those whose decoding it measured."""
    return tuple(encoding for encoding in costs if encoding.name in decode_s)


class SizeRatios:
    """How many times larger encoded cuts are than predicted: one factor per encoding, an EWMA of ratios.

    Compressed sizes depend on what the camera sees. One factor per encoding carries what one split teaches over to
    the others.
    """

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._believed: dict[str, float] = {}

    def ratio(self, encoding: str) -> float:
        """The factor that prices are made with; it moves in steps, when what is seen has drifted away from it."""
        return self._believed.get(encoding, 1.0)

    def add(self, encoding: str, measured_bytes: float, sent_bytes: float) -> bool:
        """Takes the size of one encoded cut.

        Args:
            encoding: Its name.
            measured_bytes: What its layers took when they were measured.
            sent_bytes: What they took now.

        Returns:
            Whether `ratio` changed.
        """
        if not (_SMALLEST <= measured_bytes < math.inf and 0.0 < sent_bytes < math.inf):
            return False
        sample = min(max(sent_bytes / measured_bytes, 1.0 / _LARGEST), _LARGEST)
        seen = self._seen.get(encoding)
        seen = self._seen[encoding] = sample if seen is None else seen + _WEIGHT * (sample - seen)
        believed = self.ratio(encoding)
        if believed / _DRIFT <= seen <= believed * _DRIFT:
            return False
        self._believed[encoding] = seen
        return True
