"""Everything runs in the cloud: the model's inputs are sent in the default encoding, and nothing is probed."""

from edge_service.control.conditions import Conditions
from edge_service.control.policies.policy import Choice, Policy, keep_to
from edge_service.control.pricing import inputs
from partitioner.splits import Splits


class CloudOnly(Policy):
    """See the module docstring."""

    name = "cloud_only"
    needs_uplink = False
    keeps_to_split = True

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """The model's inputs on the edge, the rest in the cloud."""
        return keep_to(inputs(splits), splits, conditions)
