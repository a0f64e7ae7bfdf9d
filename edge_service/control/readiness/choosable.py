"""The few splits that can ever be the best: what a policy chooses over a grid of links, loads and rates.

Round trips need no place in the grid. Their time is the same for every split that sends, so a longer one only makes
edge-only the best more often, and edge-only is always among the splits. Slow start makes an upload slower, as a slower
link does, and these are in the grid.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from edge_service.control.conditions import Conditions
from edge_service.control.packets import PacketLayer
from edge_service.control.plan import Phase
from edge_service.control.policies.policy import Policy
from edge_service.control.pricing import everything, inputs, large_answers
from partitioner.splits import Splits

# Three rates of the uplink in each decade from 0.1 to 1000 Mbit/s.
_UPLINKS_BPS = tuple(10.0 ** (5.0 + step / 3.0) for step in range(13))
# How many times slower than their profiles the sides are. Only their ratio to each other and to the link counts.
_LOADS = ((1.0, 1.0), (2.0, 1.0), (4.0, 1.0), (1.0, 2.0), (1.0, 8.0))
# Rates of frames, as shares of the highest that a split keeps up with; light load comes before these.
_HEAVY = (0.6, 0.9, 2.0)
_LIGHT_HZ = 1e-6
_MOST = 32


@dataclass(frozen=True, slots=True)
class _Answer:
    """A split that was the best at one point of the grid."""

    edge: frozenset[str]
    uplink_bps: float
    edge_load: float
    cloud_load: float

    def weight(self, near: Conditions | None) -> float:
        """How much it counts: less, the more the conditions of now must change until it is the best."""
        if near is None or near.uplink_bps is None:
            return 1.0
        ratios = (
            self.uplink_bps / near.uplink_bps,
            self.edge_load / near.edge_load,
            self.cloud_load / near.cloud_load,
        )
        return 1.0 / (1.0 + sum(abs(math.log2(ratio)) for ratio in ratios if ratio > 0.0))


@dataclass(frozen=True, slots=True)
class Choosable:
    """The splits that can be the best.

    Attributes:
        answers: The best at each point of the grid.
        whole: The splits that run all on one side: edge-only, and the model's inputs alone on the edge.
    """

    answers: tuple[_Answer, ...]
    whole: tuple[frozenset[str], frozenset[str]]

    def order(self, near: Conditions | None = None) -> tuple[frozenset[str], ...]:
        """The splits, most often best first, at most a few dozen; those that run all on one side are among them.

        Args:
            near: The conditions of now, so that what is the best near them comes first.
        """
        weights: dict[frozenset[str], float] = {}
        for answer in self.answers:
            weights[answer.edge] = weights.get(answer.edge, 0.0) + answer.weight(near)
        chosen = sorted(weights, key=weights.__getitem__, reverse=True)
        return tuple(dict.fromkeys([*chosen[:_MOST], *self.whole]))


@dataclass(frozen=True, slots=True)
class Rank:
    """A job: which of a model's splits can be the best.

    Attributes:
        splits: The splits in a table.
        policy: What chooses; nothing else uses it meanwhile.
        layer: The layer in front of the model, if the splits are those of packets.
    """

    splits: Splits
    policy: Policy
    layer: PacketLayer | None = None

    def run(self) -> Choosable:
        """The splits, as those of the model; takes tenths of a second at most: some hundred questions to a table."""
        whole = self._of_model(everything(self.splits)), self._of_model(inputs(self.splits))
        return Choosable(tuple(self._answers()), whole)

    def _answers(self) -> Iterator[_Answer]:
        for uplink_bps, (edge_load, cloud_load) in product(_UPLINKS_BPS, _LOADS):
            conditions = Conditions(
                phase=Phase.OFFLOADING,
                uplink_bps=uplink_bps,
                fixed_s=0.0,
                edge_load=edge_load,
                cloud_load=cloud_load,
                rate_hz=_LIGHT_HZ,
                headroom=1.0,
                large_answers=large_answers(self.splits.graph),
                packets=self.layer is not None,
            )
            light = self.policy.choose(self.splits, conditions)
            rates_hz = (share * light.max_rate_hz for share in _HEAVY)
            heavy = (replace(conditions, rate_hz=rate_hz) for rate_hz in rates_hz if 0.0 < rate_hz < math.inf)
            for choice in (light, *(self.policy.choose(self.splits, each) for each in heavy)):
                yield _Answer(self._of_model(choice.partition.edge), uplink_bps, edge_load, cloud_load)

    def _of_model(self, edge: frozenset[str]) -> frozenset[str]:
        return edge if self.layer is None else self.layer.of_model(edge)
