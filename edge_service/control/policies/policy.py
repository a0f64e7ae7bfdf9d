"""The protocol of a policy: it chooses a split from a model's splits and the current conditions.

The planner calls a policy only while frames can be offloaded; otherwise everything runs on the edge. The planner turns
a choice into a plan: deadline, frames in flight, switches, and when to decide again.
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
        mode: Light or heavy load, by which it was chosen.
        max_rate_hz: Limit of the rate, in frames per second: 1 over the smallest known bottleneck; inf if that is 0.
    """

    partition: Partition
    mode: Mode
    max_rate_hz: float


class Policy(Protocol):
    """One way to choose splits. A user's own policy inherits from this class to get the defaults.

    Attributes:
        name: The name in `--policy` and in reports.
        uses_cloud: Whether it may offload. If not, no call is made to the cloud.
        needs_uplink: Whether nothing is offloaded until the uplink's rate is known. Probes measure it when frames do
            not.
        keeps_to_split: Whether the split must run as chosen. Then a cloud is required, and the deadline of an answer is
            a multiple of its prediction. Otherwise a late frame is finished on the edge once that would be faster.
        asked_always: Whether `choose` is called for each frame, because the choice depends on more than the conditions.
            Otherwise it is called when the conditions have moved.
    """

    name: str
    uses_cloud: bool = True
    needs_uplink: bool = True
    keeps_to_split: bool = False
    asked_always: bool = False

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """The split for a frame that starts now.

        It runs on the agent's event loop and must return within a few milliseconds. `splits` answers `dsl`, `dsh` and
        `decide` in well under one. For a model with many splits, a table of those that can win answers. It is built in
        the background once a policy has asked. Until then, and where the table cannot prove its answer within a few
        per cent, the answer is the best split known so far. The question is then searched for in the background, and
        `choose` is called again when there is a table or a split was found.

        If the frame can be sent as packets of its source, `conditions.packets` is true, and the graph of `splits` has
        one layer more: the first, usually named `packets`, which the model's input reads. It is on the edge in every
        split. The split that has it alone there sends the packets.

        Where an engine takes time to prepare a split, and the chosen one is not ready, `choose` is called again, with
        `splits` that are the ready ones.

        Args:
            splits: Every split of the model, at current times and sizes.
            conditions: Link, loads, rate, time, and the split in use.
        """
        ...

    def kept(self, splits: Splits) -> frozenset[str] | None:  # noqa: ARG002  # for the policies that keep to a split
        """The layers on the edge of the split that it keeps to; None if it has the choice."""
        return None


def keep_to(edge: frozenset[str], splits: Splits, conditions: Conditions) -> Choice:
    """The choice of a given split, in the encoding that is best now, of equal ones the first.

    That is the one of the lowest latency among those that keep up with the rate, with headroom: then the mode is light.
    If none does, it is the one of the highest throughput.

    Raises:
        PartitionError: `edge` is not a closed set of the graph with all model inputs.
    """
    names = dict.fromkeys(("raw", *(encoding.name for encoding in splits.encodings)))  # raw can always be read
    priced = [price(edge, splits, conditions, name) for name in names]
    keeping_up = [each for each in priced if each.bottleneck_s * conditions.rate_hz < conditions.headroom]
    light = bool(keeping_up)
    if light:
        partition = min(keeping_up, key=lambda each: each.latency_s)
    else:
        partition = min(priced, key=lambda each: each.bottleneck_s)
    max_rate_hz = 1.0 / partition.bottleneck_s if partition.bottleneck_s > 0.0 else math.inf
    return Choice(partition, Mode.LIGHT if light else Mode.HEAVY, max_rate_hz)
