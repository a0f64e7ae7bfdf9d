"""The cuts of a model that can ever be chosen, as the edge prepares them."""

import split_model
from edge_service.control.policies import Adaptive
from edge_service.control.readiness.choosable import Rank
from partitioner import CostProfile, splits_of

# The weakest slowdown of those asked about; an edge that is busy besides is up to four times slower still.
_SLOWDOWN = 4.0


def ever_chosen(model: split_model.Model, profile: split_model.Profile) -> tuple[frozenset[str], ...]:
    """The splits that can be the best, most often best first; all on one side is always among them.

    Over uplinks of 0.1 to 1000 Mbit/s, edges 4, 8 and 16 times slower than the cloud, a busy cloud, light and heavy
    load.
    """
    costs = CostProfile(tuple(_SLOWDOWN * seconds for seconds in profile.layer_s), profile.layer_s)
    return Rank(splits_of(model.graph, costs), Adaptive(0.0)).run().order()
