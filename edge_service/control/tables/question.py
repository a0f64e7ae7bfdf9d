"""A policy's question to a model's splits, kept so that it can be searched for on another thread."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from partitioner import Decision, Link, Partition
from partitioner.splits import Splits

# A gain below this is less than the hysteresis of the default policy, so searching for it would change no plan.
_PROVEN = 1.05


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

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
        """The best split that these splits know or find."""
        edge_load, cloud_load = self.edge_load, self.cloud_load
        if self.lightest:
            return splits.dsl(self.link, edge_load=edge_load, cloud_load=cloud_load)
        if self.rate_hz is None:
            return splits.dsh(self.link, edge_load=edge_load, cloud_load=cloud_load)
        return splits.decide(self.link, self.rate_hz, edge_load=edge_load, cloud_load=cloud_load).partition

    def proven(self, answer: Partition) -> bool:
        """Whether an answer's own bound says that no split is better by more than a few per cent."""
        keeps_up = self.rate_hz is not None and answer.bottleneck_s * self.rate_hz < 1.0
        minimised_s = answer.latency_s if self.lightest or keeps_up else answer.bottleneck_s
        return minimised_s <= _PROVEN * answer.lower_bound_s

    def least(self, candidates: Sequence[Partition]) -> Partition:
        """The lowest latency of those that keep up, else the smallest bottleneck; ties go to the first."""
        if self.lightest:
            return min(candidates, key=_latency_first)
        rate_hz = self.rate_hz
        keeping_up = [each for each in candidates if rate_hz is not None and each.bottleneck_s * rate_hz < 1.0]
        if keeping_up:
            return min(keeping_up, key=_latency_first)
        return min(candidates, key=_bottleneck_first)

    def decision(self, candidates: Sequence[Partition], rate_hz: float) -> Decision:
        """Light or heavy load at this rate, and the best of the candidates for it."""
        partition = self.least(candidates)
        smallest_s = min(each.bottleneck_s for each in candidates)
        light = min(candidates, key=_latency_first).bottleneck_s * rate_hz < 1.0
        return Decision(
            partition=partition,
            mode="light" if light else "heavy",
            keeps_up=partition.bottleneck_s * rate_hz < 1.0,
            max_rate_hz=1.0 / smallest_s if smallest_s > 0.0 else math.inf,
        )


def _latency_first(partition: Partition) -> tuple[float, float]:
    return partition.latency_s, partition.bottleneck_s


def _bottleneck_first(partition: Partition) -> tuple[float, float]:
    return partition.bottleneck_s, partition.latency_s
