"""Sizes and times of the encodings as measured on the edge, and how much larger cuts are now."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from partitioner import Encoding

# Contents change from frame to frame; smaller drifts than this do not justify pricing every split again.
_DRIFT = 1.1
_WEIGHT = 0.2
# For smaller cuts, the bytes that a message adds around its tensors distort the ratio.
_SMALLEST = 1024
_LARGEST = 1e3


@dataclass(frozen=True, slots=True)
class EncodingCosts:
    """The edge's part of an encoding's costs, per layer in graph order; the cloud adds the seconds of decoding.

    Attributes:
        name: Name of the encoding.
        output_bytes: Bytes of each layer's value on the wire; inf if it may not use this encoding.
        encode_s: Seconds on the edge to encode it, at load 1.
    """

    name: str
    output_bytes: tuple[float, ...]
    encode_s: tuple[float, ...]

    def slowed(self, slowdown: float) -> "EncodingCosts":
        """The same costs on an edge that is `slowdown` times slower."""
        return replace(self, encode_s=tuple(seconds * slowdown for seconds in self.encode_s))

    def priced(self, decode_s: tuple[float, ...], size_ratio: float) -> Encoding:
        """The complete encoding, with the cloud's part.

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
    """The measured bytes of these layers together in an encoding; 0 for an encoding that was not measured."""
    found = next((each for each in costs if each.name == encoding), None)
    return 0.0 if found is None else sum(found.output_bytes[position] for position in positions)


def usable(costs: tuple[EncodingCosts, ...], decode_s: Mapping[str, tuple[float, ...]]) -> tuple[EncodingCosts, ...]:
    """The encodings that the cloud accepts: those whose decoding it measured."""
    return tuple(encoding for encoding in costs if encoding.name in decode_s)


class SizeRatios:
    """How many times larger encoded cuts are than measured: one factor per encoding, an EWMA of ratios.

    Compressed sizes depend on the frame's content. One factor per encoding applies the sizes of one split to all
    others.
    """

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._believed: dict[str, float] = {}

    def ratio(self, encoding: str) -> float:
        """The factor to price with; it is updated only when the observed ratio has drifted away from it."""
        return self._believed.get(encoding, 1.0)

    def add(self, encoding: str, measured_bytes: float, sent_bytes: float) -> bool:
        """Takes the size of one encoded cut.

        Args:
            encoding: Name of the encoding.
            measured_bytes: Size of the cut when the encoding was measured.
            sent_bytes: Its size now.

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
