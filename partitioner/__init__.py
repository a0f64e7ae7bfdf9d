"""Where to split a model between edge and cloud: pure functions on numbers.

The model is a `LayerGraph`, its times are a `CostProfile`, the network is a `Link`; what crosses may be sent in one of
several `Encoding`s. A split and its times are a `Partition`. Read in this order:

* `graph`, `costs`, `encodings`, `partition`: the values that go in and come out;
* `evaluate`: what one split costs, the definition that everything else minimises;
* `dsl` (lowest latency), `dsh` (heavy load) and `decide` (which of the two): a single question;
* `splits`: `splits_of` returns the `Splits` of a model, for repeated questions; `tabulate` finds those of a wide one.

Behind these are three rooms: `listed` scans every closed set of a graph; where these are too many to list, `searched`
searches for one question, and `tabled` finds in advance the few splits that may win, for all questions. `scan` is what
listed and tabled splits share. A fourth room, `reference`, holds the algorithms of the literature for comparison.

The problem and the names DSL and DSH are those of C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for
Inference Acceleration on the Edge", IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

from partitioner.costs import CostProfile, Link
from partitioner.decide import decide
from partitioner.dsh import dsh
from partitioner.dsl import dsl
from partitioner.encodings import Encoding
from partitioner.errors import PartitionError, TooManySplitsError
from partitioner.evaluate import evaluate
from partitioner.graph import Layer, LayerGraph
from partitioner.listed.split_table import SplitTable
from partitioner.partition import Decision, Partition
from partitioner.splits import Splits, splits_of
from partitioner.tabled.tabled_splits import TabledSplits
from partitioner.tabled.tabulate import tabulate

__all__ = [
    "CostProfile",
    "Decision",
    "Encoding",
    "Layer",
    "LayerGraph",
    "Link",
    "Partition",
    "PartitionError",
    "SplitTable",
    "Splits",
    "TabledSplits",
    "TooManySplitsError",
    "decide",
    "dsh",
    "dsl",
    "evaluate",
    "splits_of",
    "tabulate",
]
