"""What a policy is: it chooses a split from a model's splits and the conditions of now, and says what it needs.

The planner asks a policy only while frames can be offloaded; until then, and after an outage, everything runs on the
edge. The planner makes the plan of a choice: deadline, frames in flight, switches, and when to ask again.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from edge_service.control.conditions import Conditions
from edge_service.control.plan import Mode
from edge_service.control.pricing import price
from partitioner import Partition
from partitioner.splits import Splits


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy's answer.

    Attributes:
        partition: The split and its encoding, priced at the conditions.
        mode: What was minimised for it, latency or latency among the splits that keep up.
        max_rate_hz: Frames per second that the best known split can just not sustain; inf where nothing takes time.
    """

    partition: Partition
    mode: Mode
    max_rate_hz: float


class Policy(Protocol):
    """One way to choose splits. A class of one's own inherits from this one and gets the defaults.

    Attributes:
        name: As `--policy` names it and reports show it.
        uses_cloud: Whether it may offload. Without, no call is made at all.
        needs_uplink: Whether nothing is offloaded until the uplink's rate is known. Probes measure it while frames do
            not.
        keeps_to_split: Whether the split must be run as chosen. Then a cloud is required, and a late answer is waited
            for by a multiple of its prediction; otherwise the frame is finished on the edge as soon as that would have
            been faster.
        asked_always: Whether to ask for each frame, because the choice depends on more than the conditions. Otherwise
            it is asked again when the conditions have moved.
    """

    name: str
    uses_cloud: bool = True
    needs_uplink: bool = True
    keeps_to_split: bool = False
    asked_always: bool = False

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """The split for a frame that starts now.

        It runs on the agent's event loop and must answer within a few milliseconds. Where the model's splits cannot be
        listed, `splits` answers `dsl`, `dsh` and `decide` with the best split known so far; the question asked is then
        searched for in the background, and the policy is asked again when the search has found something.

        Args:
            splits: Every split of the model, at the times and sizes of now.
            conditions: Link, loads, rate, time, and the split in use.
        """
        ...


def keep_to(edge: frozenset[str], splits: Splits, conditions: Conditions) -> Choice:
    """The choice of a given split: light load is what it keeps up with, with headroom.

    Raises:
        PartitionError: `edge` is not a closed set of the graph with all model inputs.
    """
    partition = price(edge, splits, conditions)
    light = partition.bottleneck_s * conditions.rate_hz < conditions.headroom
    max_rate_hz = 1.0 / partition.bottleneck_s if partition.bottleneck_s > 0.0 else math.inf
    return Choice(partition, Mode.LIGHT if light else Mode.HEAVY, max_rate_hz)
