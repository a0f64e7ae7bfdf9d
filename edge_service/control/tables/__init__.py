"""Decisions for models with many splits: a table answers, and work that takes longer runs beside the frames.

    policy ──► LiveSplits ──► the table, if it is priced at the numbers of now ──► proven: the answer
                   │              └── else the best of its answer and the known splits
                   └──► BackgroundWork ──► Reprice, Search or Build, one at a time, on another thread

Read in this order:

* `numbers`: what splits are priced with; `question`: what a policy asked;
* `known_splits`: prices of single splits, and the few splits that are remembered;
* `live_splits`: what a policy sees; `among`: the same of a few splits only;
* `jobs`, `work`: what can run in the background, and when it is due;
* `graph_splits`: one graph's splits for the planner, with all of this where they are many.
"""

from edge_service.control.tables.graph_splits import GraphSplits
from edge_service.control.tables.jobs import Build, Job, Reprice, Search
from edge_service.control.tables.live_splits import LiveSplits
from edge_service.control.tables.work import BackgroundWork

__all__ = ["BackgroundWork", "Build", "GraphSplits", "Job", "LiveSplits", "Reprice", "Search"]
