"""Builds the table of split points of a model: the lower hull of each encoding, and a frontier where it stays small."""

from collections.abc import Sequence

import numpy as np

from partitioner.costs import CostProfile
from partitioner.encodings import Encoding, check_encodings
from partitioner.graph import LayerGraph
from partitioner.searched.min_cut import CutNetwork, model_arcs
from partitioner.tabled.layer_numbers import Crossings, layer_numbers
from partitioner.tabled.lower_hull import lower_hull
from partitioner.tabled.points import Points
from partitioner.tabled.proof import Proof
from partitioner.tabled.tabled_splits import TabledSplits

# Real models need 50 to 700 cuts for each encoding. Random graphs of hundreds of layers may need more.
_MOST_CUTS = 3000


def tabulate(graph: LayerGraph, costs: CostProfile, encodings: Sequence[Encoding] = ()) -> TabledSplits:
    """Finds the split points of a model, for any link, load and rate.

    It takes up to seconds and depends on no clock: call it on a thread of its own.

    Args:
        graph: The model; of any width.
        costs: Seconds of each layer.
        encodings: Encodings to choose from; if empty, only raw: the graph's bytes, without encoding time.

    Raises:
        PartitionError: The costs or an encoding do not fit the graph, or two encodings have one name.
    """
    costs.check(graph)
    checked = check_encodings(graph, encodings)
    network, crossings = CutNetwork(model_arcs(graph.structure)), Crossings(graph.structure)
    numbers = [layer_numbers(graph, costs, each) for each in checked]
    hulls = [lower_hull(network, crossings, each, _MOST_CUTS) for each in numbers]
    found = np.concatenate([hull.inside for hull in hulls])
    encoding = np.repeat(np.arange(len(hulls)), [len(hull.inside) for hull in hulls])
    inside, split = np.unique(found, axis=0, return_inverse=True)
    pairs = np.column_stack([split.reshape(-1), encoding])
    points = Points(graph, costs, checked, inside, pairs, thin=True)
    return TabledSplits(graph, costs, checked, points, Proof(hulls))
