"""Prices of single splits, scaled from what was computed once, and the few splits that are worth remembering.

A split stays feasible whatever the times and sizes are, so a split that was once the best is a good candidate when
numbers change. Edge-only and cloud-only are always among the candidates; so is what the caller names.
"""

import copy
import dataclasses
import math
from collections.abc import Collection, Iterator

from edge_service.control.tables.numbers import Numbers
from partitioner import Encoding, Link, Partition
from partitioner.encodings import find_encoding
from partitioner.evaluate import Sides, feasible_positions

_MOST_REMEMBERED = 8
_MOST_PRICED = 256
_BYTE_PER_S = Link(8.0)  # with it, a split's transfer time is its bytes up

_Split = tuple[frozenset[str], str]
"""The layers on the edge, and the encoding."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Measured:
    """A split at load 1, without a link, and its bytes; inf up if it cannot be sent."""

    partition: Partition
    up_bytes: float
    down_bytes: float


class KnownSplits:
    """See the module docstring.

    Args:
        numbers: What to price with.
        others: More splits that are always among the candidates.
    """

    def __init__(self, numbers: Numbers, others: Collection[frozenset[str]] = ()) -> None:
        self._numbers = numbers
        self._remembered: tuple[_Split, ...] = ()
        self._measured: dict[_Split, _Measured] = {}
        self._sides: dict[frozenset[str], Sides] = {}
        layers = numbers.graph.layers
        self._everything = frozenset(layer.name for layer in layers)
        self._sending = (frozenset(layer.name for layer in layers if not layer.inputs), *others)

    def at(self, numbers: Numbers) -> "KnownSplits":
        """The same splits at other numbers; what depends only on the graph is shared."""
        other = copy.copy(self)
        other._numbers, other._measured = numbers, {}  # noqa: SLF001  # a copy of this very class
        return other

    def remember(self, partition: Partition) -> None:
        """Adds a split; the one that was added first is forgotten when there are too many."""
        split = partition.edge, partition.encoding
        if not self._remembered or split != self._remembered[-1]:
            others = (each for each in self._remembered if each != split)
            self._remembered = (*others, split)[-_MOST_REMEMBERED:]

    def priced(self, link: Link, edge_load: float, cloud_load: float) -> Iterator[Partition]:
        """Every known split; one in an encoding that is not there now is passed over."""
        names = {"raw", *(encoding.name for encoding in self._numbers.encodings)}
        ends = [(self._everything, "raw"), *((edge, name) for edge in self._sending for name in names)]
        for edge, encoding in dict.fromkeys([*ends, *self._remembered]):
            if encoding in names:
                yield self.evaluate(edge, link, edge_load=edge_load, cloud_load=cloud_load, encoding=encoding)

    def evaluate(
        self, edge: Collection[str], link: Link, *, edge_load: float, cloud_load: float, encoding: str
    ) -> Partition:
        """Prices one closed set; see `Splits.evaluate`."""
        split = frozenset(edge), encoding
        measured = self._measured.get(split)
        if measured is None:
            if len(self._measured) >= _MOST_PRICED:
                self._measured.clear()
            measured = self._measured[split] = self._measure(*split)
        up_bytes, down_bytes, partition = measured.up_bytes, measured.down_bytes, measured.partition
        return dataclasses.replace(
            partition,
            edge_s=partition.edge_s * edge_load,
            transfer_s=link.transfer_s(up_bytes, down_bytes) if math.isfinite(up_bytes) else math.inf,
            cloud_s=partition.cloud_s * cloud_load,
            fixed_s=link.fixed_s if len(partition.edge) < len(self._everything) else 0.0,
            encode_s=partition.encode_s * edge_load,
            decode_s=partition.decode_s * cloud_load,
        )

    def _measure(self, edge: frozenset[str], encoding: str) -> _Measured:
        numbers = self._numbers
        sides = self._sides.get(edge)
        if sides is None:
            if len(self._sides) >= _MOST_PRICED:
                self._sides.clear()
            sides = self._sides[edge] = Sides.of(numbers.graph, feasible_positions(numbers.graph, edge))
        named = find_encoding(numbers.encodings, encoding) or Encoding.raw(numbers.graph)
        partition = sides.price(numbers.costs, _BYTE_PER_S, named)
        return _Measured(partition, partition.transfer_s, sides.bytes_down)
