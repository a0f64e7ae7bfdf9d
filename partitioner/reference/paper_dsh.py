"""Algorithm 2 of DADS (section III-C): heavy load by light load on scaled times, with as few repairs as possible.

The paper solves light load on edge times scaled by alpha and cloud times scaled by gamma, for a grid of both with steps
of 1, and searches again around the best pair with steps K times finer, until a search gains less than epsilon. The
printed algorithm cannot be run literally. The differences:

* Search returns the sets of the *last* pair of the grid with the numbers of the best: here the best split is kept.
* It scores a split by the *scaled* times that light load returns, so a pair near (0, 0) wins with any split: here the
  true times count.
* The grid's end is the sum of all times over the *smallest* transfer time, which is 0 for a layer without output: here
  it is the smallest that is not 0, and the grid is coarser where it would have more than `most_steps` steps.
* The proof of the factor 3 needs (1, 1) on the grid, but with long transfers the grid ends before it: here (1, 1) is
  always tried.
* Around a best pair near 0 the next grid begins *below* 0, which gives negative capacities: here it begins at 0.
* Light load is solved on the corrected network (see `partitioner.reference.paper_graph`).

Reference: C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge",
IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

import dataclasses
import math
from itertools import product

import numpy as np

from partitioner.costs import CostProfile, Link
from partitioner.graph import LayerGraph
from partitioner.partition import Partition
from partitioner.searched.problem import Problem


def paper_dsh(
    graph: LayerGraph,
    costs: CostProfile,
    link: Link,
    *,
    epsilon_s: float = 0.0,
    shrink: float = 2.0,
    most_steps: int = 16,
) -> Partition:
    """Returns a split with a small bottleneck, within a factor of 3 of the smallest.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        epsilon_s: The paper's epsilon: the search goes on while it gains more than this.
        shrink: The paper's K, above 1: how much finer each grid is than the one before.
        most_steps: Steps of a grid along either axis, at least 1.

    Returns:
        The split; `lower_bound_s` is a third of the lowest Te + Tt + Tc, which is what the paper's theorem 1 proves.

    Raises:
        PartitionError: The costs do not fit the graph.

    Complexity: (most_steps + 2)^2 minimum cuts for each grid.

    Example:
        >>> from partitioner import Layer
        >>> graph = LayerGraph((Layer("image", (), 1000), Layer("conv", ("image",), 10)), outputs=("conv",))
        >>> costs = CostProfile(edge_s=(0.0, 0.5), cloud_s=(0.0, 0.1))
        >>> split = paper_dsh(graph, costs, Link(uplink_bps=2e4))
        >>> split.bottleneck_s, round(split.lower_bound_s, 9)
        (0.4, 0.166666667)
    """
    costs.check(graph)
    search = _Search(graph, costs, link)
    bound_s = search.run(1.0, 1.0) / 3.0
    most = _grid_ends(graph, costs, link)
    step = max(1.0, max(most) / most_steps)
    least, found_s = (0.0, 0.0), math.inf
    while True:
        for alpha, gamma in product(*(_points(low, high, step) for low, high in zip(least, most, strict=True))):
            search.run(alpha, gamma)
        gained_s, found_s = found_s - search.best.bottleneck_s, search.best.bottleneck_s
        if gained_s <= epsilon_s:
            return dataclasses.replace(search.best, lower_bound_s=min(found_s, bound_s))
        least = (max(0.0, search.alpha - step), max(0.0, search.gamma - step))
        most = (search.alpha + step, search.gamma + step)
        step = max(step / shrink, 2.0 * step / most_steps)


class _Search:
    """The best split so far, and the pair that gave it."""

    def __init__(self, graph: LayerGraph, costs: CostProfile, link: Link) -> None:
        self._problem = Problem.of(graph, costs, link)
        self.best = self._problem.edge_only()
        self.alpha = self.gamma = 1.0

    def run(self, alpha: float, gamma: float) -> float:
        """Tries one pair; returns a lower bound on alpha Te + Tt + gamma Tc of any split."""
        cut = self._problem.minimum(np.array([alpha, 1.0, gamma]))
        split = self._problem.price(cut.inside)
        if (split.bottleneck_s, split.latency_s) < (self.best.bottleneck_s, self.best.latency_s):
            self.best, self.alpha, self.gamma = split, alpha, gamma
        return cut.lower_bound


def _grid_ends(graph: LayerGraph, costs: CostProfile, link: Link) -> tuple[float, float]:
    """Returns the largest alpha and gamma of the first grid; each at least 1."""
    transfers_s = (link.transfer_s(layer.output_bytes, 0) for layer in graph.layers if layer.sendable)
    shortest_s = min((seconds for seconds in transfers_s if seconds > 0.0), default=math.inf)
    # Beyond a billion, one stage alone decides. A transfer may be too short to divide by.
    most = [min(1e9, math.fsum(times) / max(shortest_s, 1e-300)) for times in (costs.edge_s, costs.cloud_s)]
    return max(1.0, most[0]), max(1.0, most[1])


def _points(low: float, high: float, step: float) -> list[float]:
    return [low + i * step for i in range(math.floor((high - low) / step * (1.0 + 1e-12)) + 1)]
