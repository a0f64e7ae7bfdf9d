"""The system's own policy: the best of all splits, kept until another one is better by a margin."""

from edge_service.control.conditions import Conditions
from edge_service.control.hysteresis import worth_switching
from edge_service.control.plan import Mode
from edge_service.control.policies.policy import Choice, Policy
from edge_service.control.pricing import everything, link_for, price
from partitioner import Decision, Link, Partition
from partitioner.splits import Splits


class Adaptive(Policy):
    """See the module docstring.

    Args:
        gain: Smallest relative gain that is worth a switch.
    """

    name = "adaptive"

    def __init__(self, gain: float = 0.10) -> None:
        self._gain = gain

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """The lowest latency under light load, else the lowest latency among the splits that keep up."""
        used = conditions.used
        if used is not None:
            used = price(used.edge, splits, conditions, used.encoding)
        decision = _decision(splits, conditions, used)
        mode, max_rate_hz = Mode(decision.mode), decision.max_rate_hz
        best = decision.partition
        if conditions.slow_start is not None:
            best = price(best.edge, splits, conditions, best.encoding)
        if conditions.mode is Mode.LIGHT and conditions.stalled_s > 0.0:
            here = price(everything(splits), splits, conditions)
            # The next upload waits for the late one, but its head can run meanwhile. A stall is short, so edge-only is
            # allowed even if the edge cannot keep up with the rate.
            if here.latency_s < best.latency_s + max(0.0, conditions.stalled_s - best.edge_s):
                return Choice(here, Mode.LIGHT, max_rate_hz)
        if used is not None and not worth_switching(
            used, best, conditions.rate_hz, headroom=conditions.headroom, gain=self._gain
        ):
            return Choice(used, mode, max_rate_hz)
        return Choice(best, mode, max_rate_hz)


def _decision(splits: Splits, conditions: Conditions, used: Partition | None) -> Decision:
    """The best split at the mean rate that the upload of the split in use gets; see `link_for`."""
    if used is not None and used.transfer_s:
        return _asked(splits, conditions, link_for(used, splits, conditions))
    decision = _asked(splits, conditions, conditions.link)
    if conditions.slow_start is None:
        return decision
    # Nothing is sent now. Of two splits, the one for the open link may send too much to begin with a small window.
    other = _asked(splits, conditions, link_for(decision.partition, splits, conditions))
    return min(decision, other, key=lambda each: _latency_s(each.partition, splits, conditions))


def _asked(splits: Splits, conditions: Conditions, link: Link) -> Decision:
    rate_hz = conditions.rate_hz / conditions.headroom
    return splits.decide(link, rate_hz, edge_load=conditions.edge_load, cloud_load=conditions.cloud_load)


def _latency_s(partition: Partition, splits: Splits, conditions: Conditions) -> float:
    return price(partition.edge, splits, conditions, partition.encoding).latency_s
