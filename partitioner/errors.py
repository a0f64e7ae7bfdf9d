"""The errors that the partitioner raises.

::

    ValueError
    └── PartitionError             the graph, a number or a split is not valid; the message says where and why
        └── TooManySplitsError     the graph is valid, but has more closed sets than may be listed
"""


class PartitionError(ValueError):
    """The graph, a number or a split is not valid; the message names the layer and says what was expected."""


class TooManySplitsError(PartitionError):
    """A graph has more closed sets than the limit, so they are not listed.

    Attributes:
        max_sets: The limit that was passed.
        layer: Name of the layer at which it was.
    """

    def __init__(self, max_sets: int, layer: str) -> None:
        super().__init__(max_sets, layer)
        self.max_sets = max_sets
        self.layer = layer

    def __str__(self) -> str:
        return (
            f"more than {self.max_sets} closed sets (the limit was passed at layer {self.layer!r}): "
            "raise max_sets, or use dsl, dsh and decide, which then search by minimum cuts"
        )
