"""Builds the table of split points of a model: the lower hull of each encoding, and a frontier where it stays small."""

from collections.abc import Sequence

import numpy as np

from partitioner.costs import CostProfile
from partitioner.encodings import Encoding, check_encodings
from partitioner.graph import LayerGraph
from partitioner.searched.min_cut import CutNetwork, model_arcs
from partitioner.tabled.frontier import Frontier, frontier
from partitioner.tabled.layer_numbers import Crossings, LayerNumbers, distinct, layer_numbers
from partitioner.tabled.layer_orders import fewest_states
from partitioner.tabled.lower_hull import lower_hull
from partitioner.tabled.points import Points
from partitioner.tabled.proof import Proof
from partitioner.tabled.state_graph import StateGraph
from partitioner.tabled.tabled_splits import TabledSplits
from partitioner.tabled.ways import ways

# How close heavy load is proven, and with how many pairs of labels at most; the next where one takes too much, as for
# some random graphs. The first is finer than the 2 % that are wanted: a rate near the highest asks for more.
_TRIES = ((0.005, 4e8), (0.015, 4e8), (0.05, 6e9))
# Real models need 50 to 700 cuts for each encoding, 1,000 to 17,000 states, a million labels and 10^8 pairs: up to two
# seconds. At these limits, which random graphs reach, it is a quarter of a minute.
_MOST_CUTS = 3_000
_MOST_STATES = 60_000
_MOST_LABELS = 6_000_000
# Steps between splits of the hull, where there is no frontier.
_MOST_STEPS = 20_000


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
    frontiers = _frontiers(fewest_states(graph.structure, _MOST_STATES), numbers, 8.0 * graph.max_message_bytes)
    found = [(k, hull.inside) for k, hull in enumerate(hulls)]
    found += [(k, each.inside) for k, each in enumerate(frontiers)]
    if not frontiers:
        found += [(k, ways(hull, _MOST_STEPS // len(hulls))) for k, hull in enumerate(hulls)]
    inside, split = distinct(np.concatenate([splits for _, splits in found]))
    encoding = np.repeat([k for k, _ in found], [len(splits) for _, splits in found])
    points = Points(graph, costs, checked, inside, np.unique(np.column_stack([split, encoding]), axis=0))
    proof = Proof(hulls, frontiers, all_fit=points.all_fit)
    return TabledSplits(graph, costs, checked, points.thinned(), proof)


def _frontiers(states: StateGraph | None, numbers: Sequence[LayerNumbers], most_bits: float) -> list[Frontier]:
    """Returns a frontier for each encoding; none at all if one of them would take too much."""
    found: list[Frontier] = []
    if states is None:
        return found
    for each in numbers:
        tries = (frontier(states, each, eps, most_bits, pairs, _MOST_LABELS) for eps, pairs in _TRIES)
        built = next((one for one in tries if one is not None), None)
        if built is None:
            return []
        found.append(built)
    return found
