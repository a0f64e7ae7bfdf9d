"""Everything runs on the edge, and no cloud is called."""

from edge_service.control.conditions import Conditions
from edge_service.control.policies.policy import Choice, Policy, keep_to
from edge_service.control.pricing import everything
from partitioner.splits import Splits


class EdgeOnly(Policy):
    """See the module docstring."""

    name = "edge_only"
    uses_cloud = False
    needs_uplink = False
    keeps_to_split = True

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """Every layer on the edge."""
        return keep_to(everything(splits), splits, conditions)

    def kept(self, splits: Splits) -> frozenset[str]:
        """Every layer."""
        return everything(splits)
