"""Where to split a model between edge and cloud: pure functions on numbers.

The model is a `LayerGraph`, its times a `CostProfile`, the network a `Link`; what crosses may be sent in one of several
`Encoding`s. `dsl`, `dsh` and `decide` answer callers who ask once; who asks again and again keeps the `Splits` that
`splits_of` makes: a `SplitTable` where a model's splits can be listed, else a search.

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
    "TooManySplitsError",
    "decide",
    "dsh",
    "dsl",
    "evaluate",
    "splits_of",
]
