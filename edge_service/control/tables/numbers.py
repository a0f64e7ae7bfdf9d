"""What splits are priced with, as one value: times and encodings; and when a table for other numbers is good enough."""

from dataclasses import dataclass

from partitioner import CostProfile, Encoding, LayerGraph

# Sizes of encoded values drift with what the camera sees. A table for sizes that differ by less than this still holds
# a split within a few per cent of the best: its splits are priced at the sizes of now, and only a split that was left
# out of it, because it was never the best, could be better by at most this factor, and in its transfer alone. That is
# less than a policy's hysteresis in all but transfers that dominate, so it is not worth seconds of building.
_DRIFT = 1.25


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The times and sizes of one moment; compared by identity.

    Attributes:
        graph: The model.
        costs: Seconds of each layer.
        encodings: Encodings to choose from, at least one.
    """

    graph: LayerGraph
    costs: CostProfile
    encodings: tuple[Encoding, ...]

    def near(self, earlier: "Numbers") -> bool:
        """Whether a table for earlier numbers need not be built again: only sizes differ, and by little."""
        if self is earlier:
            return True
        if self.costs != earlier.costs or len(self.encodings) != len(earlier.encodings):
            return False
        return all(map(_near, self.encodings, earlier.encodings))


def _near(one: Encoding, other: Encoding) -> bool:
    if (one.name, one.encode_s, one.decode_s) != (other.name, other.encode_s, other.decode_s):
        return False
    return all(
        size == before or (size <= before * _DRIFT and before <= size * _DRIFT)
        for size, before in zip(one.output_bytes, other.output_bytes, strict=True)
    )
