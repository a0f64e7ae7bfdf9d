"""What splits are priced with, as one value: times and encodings; and when a table for other numbers is good enough."""

import math
from dataclasses import dataclass

from partitioner import CostProfile, Encoding, LayerGraph

# Sizes of encoded values drift with what the camera sees. If all sizes change by one factor, a table stays as good as
# it was, because that is a link of another rate. Else no split is better than the best of the table, at the sizes of
# now, by more than the largest change over the smallest, and that in its transfer alone. For less than this factor,
# seconds of building are not worth it.
_DRIFT = 1.25
_NO_RATIO = (0.0, math.inf)


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
        pairs = list(zip(self.encodings, earlier.encodings, strict=True))
        if any((one.name, one.encode_s, one.decode_s) != (two.name, two.encode_s, two.decode_s) for one, two in pairs):
            return False
        sizes = [size for one, two in pairs for size in zip(one.output_bytes, two.output_bytes, strict=True)]
        if any((size in _NO_RATIO or before in _NO_RATIO) and size != before for size, before in sizes):
            return False
        changes = [size / before for size, before in sizes if before not in _NO_RATIO]
        return not changes or max(changes) <= _DRIFT * min(changes)
