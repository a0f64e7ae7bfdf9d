"""Splits that cannot be listed, as a policy sees them: the best of the known splits, without a search.

A question about such splits is a search that takes up to seconds. So the live loop uses `RememberedSplits`. It answers
with the best of a few known splits at current prices: edge-only, cloud-only, and those that searches found. It keeps
the question. The search for it runs in the background (`searching.py`), and its result becomes one more known split. A
split stays feasible whatever the times and sizes are.
"""

import dataclasses
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edge_service.control.pricing import answer_bytes, everything, inputs
from partitioner import CostProfile, Decision, Encoding, LayerGraph, Link, Partition
from partitioner.splits import Splits

_MOST_FOUND = 8
_BYTES_AS_SECONDS = Link(8.0)  # a byte per second: a split's transfer time is the number of bytes that it sends


@dataclass(frozen=True, slots=True)
class Question:
    """A policy's question to splits that cannot be listed.

    Attributes:
        link: The link.
        rate_hz: The rate to keep up with; None for the smallest bottleneck.
        lightest: Whether the question is the lowest latency, whatever the rate.
        edge_load: Multiplies the edge's times.
        cloud_load: Multiplies the cloud's times.
    """

    link: Link
    rate_hz: float | None
    lightest: bool
    edge_load: float
    cloud_load: float

    def answer(self, splits: Splits) -> Partition:
        """The best split, by a search."""
        edge_load, cloud_load = self.edge_load, self.cloud_load
        if self.lightest:
            return splits.dsl(self.link, edge_load=edge_load, cloud_load=cloud_load)
        if self.rate_hz is None:
            return splits.dsh(self.link, edge_load=edge_load, cloud_load=cloud_load)
        return splits.decide(self.link, self.rate_hz, edge_load=edge_load, cloud_load=cloud_load).partition


class RememberedSplits:
    """See the module docstring.

    Args:
        searched: The splits of the model, where each question is a search.
        found: Known splits: the layers on the edge, and the encoding.

    Attributes:
        searched: The same as the argument.
        question: The last question; None before the first.
    """

    def __init__(self, searched: Splits, found: Sequence[tuple[frozenset[str], str]] = ()) -> None:
        self.searched = searched
        self.question: Question | None = None
        self._everything = everything(searched)
        self._inputs = inputs(searched)
        self._found = list(found)
        self._measured: dict[tuple[frozenset[str], str], Partition] = {}

    @property
    def listed(self) -> bool:
        """True: a question takes microseconds for each known split."""
        return True

    @property
    def graph(self) -> LayerGraph:
        """The model."""
        return self.searched.graph

    @property
    def costs(self) -> CostProfile:
        """The times that splits are priced with."""
        return self.searched.costs

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """The encodings to choose from."""
        return self.searched.encodings

    def remember(self, partition: Partition) -> None:
        """Adds a split that a search found; the oldest is removed when there are too many."""
        found = partition.edge, partition.encoding
        self._found = [*(each for each in self._found if each != found), found][-_MOST_FOUND:]

    def dsl(self, link: Link, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Partition:
        """The known split of the lowest latency."""
        self.question = Question(link, None, True, edge_load, cloud_load)
        return min(self._known(link, edge_load, cloud_load), key=_latency_first)

    def dsh(
        self, link: Link, rate_hz: float | None = None, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """The known split for heavy load."""
        self.question = Question(link, rate_hz, False, edge_load, cloud_load)
        return _heavy(self._known(link, edge_load, cloud_load), rate_hz)

    def decide(self, link: Link, rate_hz: float, *, edge_load: float = 1.0, cloud_load: float = 1.0) -> Decision:
        """Light or heavy load, and the known split for it; `max_rate_hz` is that of a known split."""
        self.question = Question(link, rate_hz, False, edge_load, cloud_load)
        known = self._known(link, edge_load, cloud_load)
        fastest = min(known, key=_latency_first)
        light = fastest.bottleneck_s * rate_hz < 1.0
        partition = fastest if light else _heavy(known, rate_hz)
        smallest_s = min(each.bottleneck_s for each in known)
        return Decision(
            partition=partition,
            mode="light" if light else "heavy",
            keeps_up=partition.bottleneck_s * rate_hz < 1.0,
            max_rate_hz=1.0 / smallest_s if smallest_s > 0.0 else math.inf,
        )

    def evaluate(
        self,
        edge: Collection[str],
        link: Link,
        *,
        edge_load: float = 1.0,
        cloud_load: float = 1.0,
        encoding: str = "raw",
    ) -> Partition:
        """Prices one closed set; a set that was priced before is only scaled."""
        edge = frozenset(edge)
        measured = self._measured.get((edge, encoding))
        if measured is None:
            if len(self._measured) >= 8 * _MOST_FOUND:
                self._measured.clear()
            measured = self.searched.evaluate(edge, _BYTES_AS_SECONDS, encoding=encoding)
            self._measured[edge, encoding] = measured
        sent_bytes, down_bytes = measured.transfer_s, answer_bytes(edge, self.graph)
        return dataclasses.replace(
            measured,
            edge_s=measured.edge_s * edge_load,
            transfer_s=link.transfer_s(sent_bytes, down_bytes) if math.isfinite(sent_bytes) else math.inf,
            cloud_s=measured.cloud_s * cloud_load,
            fixed_s=link.fixed_s if edge != self._everything else 0.0,
            encode_s=measured.encode_s * edge_load,
            decode_s=measured.decode_s * cloud_load,
        )

    def with_costs(self, costs: CostProfile) -> "RememberedSplits":
        """The same known splits with other times."""
        return RememberedSplits(self.searched.with_costs(costs), self._found)

    def with_encodings(self, encodings: Sequence[Encoding]) -> "RememberedSplits":
        """The same known splits with other encodings, without splits whose encoding is not among them."""
        searched = self.searched.with_encodings(encodings)
        names = {"raw", *(encoding.name for encoding in searched.encodings)}
        return RememberedSplits(searched, [found for found in self._found if found[1] in names])

    def _known(self, link: Link, edge_load: float, cloud_load: float) -> list[Partition]:
        ends = [(self._everything, "raw"), *((self._inputs, encoding.name) for encoding in self.encodings)]
        return [
            self.evaluate(edge, link, edge_load=edge_load, cloud_load=cloud_load, encoding=encoding)
            for edge, encoding in dict.fromkeys([*ends, *self._found])
        ]


def _heavy(known: list[Partition], rate_hz: float | None) -> Partition:
    keeping_up = [each for each in known if rate_hz is not None and each.bottleneck_s * rate_hz < 1.0]
    if keeping_up:
        return min(keeping_up, key=_latency_first)
    return min(known, key=lambda each: (each.bottleneck_s, each.latency_s))


def _latency_first(partition: Partition) -> tuple[float, float]:
    return partition.latency_s, partition.bottleneck_s
