"""The algorithms of the literature as their papers print them, for study, tests and comparison.

Nothing that runs live imports this package: `partitioner` itself answers every question at least as well. The modules
show how these algorithms work, what is wrong with them as printed, and how far they are from the optimum:

* `paper_graph`: light load of DADS on the network that its paper prints; `max_flow` solves it;
* `paper_dsh`: heavy load of DADS by a grid of scaled times;
* `neurosurgeon`: the best cut of a model that is treated as a chain, the baseline of DADS.
"""

from partitioner.reference.max_flow import FlowNetwork
from partitioner.reference.neurosurgeon import chain_splits, neurosurgeon
from partitioner.reference.paper_dsh import paper_dsh
from partitioner.reference.paper_graph import PaperCut, paper_cut

__all__ = ["FlowNetwork", "PaperCut", "chain_splits", "neurosurgeon", "paper_cut", "paper_dsh"]
