"""Everything runs in the cloud: the model's inputs are sent in the encoding that is best now, and nothing is probed.

If the frame can be sent as packets of its source, the cheaper of the two is sent.
"""

from edge_service.control.conditions import Conditions
from edge_service.control.hysteresis import worth_switching
from edge_service.control.policies.policy import Choice, Policy, keep_to
from edge_service.control.pricing import decoded_inputs, inputs
from partitioner.splits import Splits

_GAIN = 0.1


class CloudOnly(Policy):
    """See the module docstring."""

    name = "cloud_only"
    needs_uplink = False
    keeps_to_split = True

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """The model's inputs on the edge, the rest in the cloud."""
        sent = keep_to(inputs(splits), splits, conditions)
        if not conditions.packets:
            return sent
        other = keep_to(decoded_inputs(splits), splits, conditions)
        if conditions.used is not None and conditions.used.edge == other.partition.edge:
            sent, other = other, sent
        better = worth_switching(
            sent.partition, other.partition, conditions.rate_hz, headroom=conditions.headroom, gain=_GAIN
        )
        return other if better else sent

    def kept(self, splits: Splits) -> frozenset[str]:
        """The model's inputs, or the packets that hold it."""
        return inputs(splits)
