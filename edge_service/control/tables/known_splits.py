"""Prices of single splits, scaled from what was computed once, and the few splits that are worth remembering.

A split stays feasible whatever the times and sizes are, so a split that was once the best is a good candidate when
numbers change. Edge-only and cloud-only are always among the candidates.
"""

import dataclasses
import math
from collections.abc import Collection, Iterator

from edge_service.control.tables.numbers import Numbers
from partitioner import Link, Partition
from partitioner.encodings import find_encoding
from partitioner.evaluate import feasible_positions, price

_MOST_REMEMBERED = 8
_MOST_PRICED = 64
# A byte per second one way, nothing to wait for the other way: a split's transfer time is its bytes.
_BYTES_UP, _BYTES_DOWN = Link(8.0), Link(math.inf, 8.0)

_Split = tuple[frozenset[str], str]
"""The layers on the edge, and the encoding."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Measured:
    """A split at load 1, and its bytes."""

    partition: Partition
    up_bytes: float
    down_bytes: float


class KnownSplits:
    """See the module docstring.

    Args:
        numbers: What to price with.
        remembered: Splits to begin with, the oldest first.
    """

    def __init__(self, numbers: Numbers, remembered: tuple[_Split, ...] = ()) -> None:
        self._numbers = numbers
        self._remembered = remembered
        self._measured: dict[_Split, _Measured] = {}
        layers = numbers.graph.layers
        self._everything = frozenset(layer.name for layer in layers)
        self._inputs = frozenset(layer.name for layer in layers if not layer.inputs)

    def at(self, numbers: Numbers) -> "KnownSplits":
        """The same splits at other numbers."""
        return KnownSplits(numbers, self._remembered)

    def remember(self, partition: Partition) -> None:
        """Adds a split; the one that was added first is forgotten when there are too many."""
        split = partition.edge, partition.encoding
        if not self._remembered or split != self._remembered[-1]:
            others = (each for each in self._remembered if each != split)
            self._remembered = (*others, split)[-_MOST_REMEMBERED:]

    def priced(self, link: Link, edge_load: float, cloud_load: float) -> Iterator[Partition]:
        """Every known split; one in an encoding that is not there now is passed over."""
        names = {"raw", *(encoding.name for encoding in self._numbers.encodings)}
        ends = [(self._everything, "raw"), *((self._inputs, name) for name in names)]
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
        finite = math.isfinite(up_bytes) and math.isfinite(down_bytes)  # infinite bytes over an infinite rate are NaN
        return dataclasses.replace(
            partition,
            edge_s=partition.edge_s * edge_load,
            transfer_s=link.transfer_s(up_bytes, down_bytes) if finite else math.inf,
            cloud_s=partition.cloud_s * cloud_load,
            fixed_s=link.fixed_s if len(partition.edge) < len(self._everything) else 0.0,
            encode_s=partition.encode_s * edge_load,
            decode_s=partition.decode_s * cloud_load,
        )

    def _measure(self, edge: frozenset[str], encoding: str) -> _Measured:
        graph, costs = self._numbers.graph, self._numbers.costs
        named = find_encoding(self._numbers.encodings, encoding)
        inside = feasible_positions(graph, edge)
        up = price(graph, costs, _BYTES_UP, inside, named)
        down = price(graph, costs, _BYTES_DOWN, inside, named)
        return _Measured(up, up.transfer_s, down.transfer_s)
