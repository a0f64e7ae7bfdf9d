"""A policy's question to a model's splits, kept so that it can be searched for on another thread."""

from dataclasses import dataclass

from partitioner import Link, Partition
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
