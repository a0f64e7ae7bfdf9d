"""DSH beyond the table as a mixed-integer program, to improve on weighted cuts and to close their bound.

A binary x says which layers are on the edge, and y >= x(u) - x(w) for each reader w of u says whether u's tensor is
sent; the three stages are linear in both. Minimised is the largest stage, or the sum of the stages while each stays
within a period. HiGHS (scipy.optimize.milp) solves it with a limit on its own time. It takes no first solution, so the
best split known goes in as an upper bound, without which it stays open on wide graphs.

Reference: Q. Huangfu, J. A. J. Hall, "Parallelizing the dual revised simplex method", Mathematical Programming
Computation 10 (2018), doi:10.1007/s12532-017-0130-5.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.listed.closed_sets import FloatArray
from partitioner.partition import Partition
from partitioner.searched.lowest_latency import stage_weights
from partitioner.searched.min_cut import Weights, model_arcs

# HiGHS satisfies rows and integrality to this, in numbers scaled to about 1; bounds are lowered by it.
_TOLERANCE = 1e-6
_GAP = 1e-3
_TIME_LIMIT_S = 1.5
# Where a layer costs so many times the best split, rows are too uneven for the tolerance to mean anything.
_UNEVEN = 1e4


@dataclass(frozen=True, slots=True)
class Improved:
    """What the program found and proved.

    Attributes:
        split: The split it found, None when it found none in time.
        lower_bound_s: No split has a smaller objective; 0 when it proved nothing.
    """

    split: Partition | None
    lower_bound_s: float


class StageProgram:
    """The program of one graph, profile and link.

    Args:
        graph: The model.
        costs: Seconds of each layer; valid for the graph.
        link: The network.
        encoding: What the cut is sent in, valid for the graph; None for the graph's bytes, without time.
    """

    def __init__(self, graph: LayerGraph, costs: CostProfile, link: Link, encoding: Encoding | None = None) -> None:
        self._graph, self._costs, self._link, self._encoding = graph, costs, link, encoding
        edge = stage_weights(graph, costs, link, encoding, transfer=0.0, cloud=0.0)
        transfer = stage_weights(graph, costs, link, encoding, edge=0.0, cloud=0.0)
        cloud = stage_weights(graph, costs, link, encoding, edge=0.0, transfer=0.0)
        self._constant, self._rows = zip(*map(_affine, (edge, transfer, cloud)), strict=True)
        self._splits = _split_rows(graph)

    def smallest_bottleneck(self, known: Partition) -> Improved:
        """Minimises the largest stage; `known` bounds it from above."""
        return self._solve(known.bottleneck_s, known.bottleneck_s, np.zeros(2 * len(self._graph)), 0.0)

    def lowest_latency(self, period_s: float, known: Partition) -> Improved:
        """Minimises Te + Tt + Tc (without the fixed time) while each is within the period, as it is for `known`."""
        return self._solve(period_s, known.latency_s - known.fixed_s, sum(self._rows), sum(self._constant))

    def _solve(self, most_s: float, scale_s: float, objective: FloatArray, constant_s: float) -> Improved:
        """Keeps every stage under a variable of at most `most_s`, minimised where the objective is all zero."""
        layers, columns = len(self._graph), 2 * len(self._graph)
        min_max = not objective.any()
        if max(np.abs(self._rows).max(), *self._constant, most_s) > _UNEVEN * scale_s:
            return Improved(None, 0.0)
        stages = np.column_stack([np.array(self._rows) / scale_s, -np.ones(3)])
        rows = sparse.vstack(
            [sparse.csr_array(stages), sparse.hstack([self._splits, sparse.csr_array((self._splits.shape[0], 1))])]
        )
        most = np.concatenate([-np.array(self._constant) / scale_s, np.zeros(self._splits.shape[0])])
        least_x = np.zeros(columns + 1)
        least_x[list(self._graph.structure.inputs)] = 1.0
        result = milp(
            np.append(objective / scale_s, 1.0 if min_max else 0.0),
            integrality=np.concatenate([np.ones(layers), np.zeros(layers + 1)]),
            bounds=Bounds(least_x, np.append(np.ones(columns), most_s / scale_s)),
            constraints=LinearConstraint(rows.tocsc(), ub=most),
            options={"time_limit": _TIME_LIMIT_S, "mip_rel_gap": _GAP},
        )
        bound = result.mip_dual_bound
        proven_s = 0.0 if bound is None or not np.isfinite(bound) else (bound - _TOLERANCE) * scale_s + constant_s
        return Improved(None if result.x is None else self._split(result.x[:layers]), max(0.0, proven_s))

    def _split(self, x: FloatArray) -> Partition:
        """Rounds a solution to a split; in graph order, so that rounding cannot leave it open."""
        inside: set[int] = set()
        for i, sources in enumerate(self._graph.structure.predecessors):
            if not sources or (x[i] > 0.5 and inside.issuperset(sources)):
                inside.add(i)
        return price(self._graph, self._costs, self._link, inside, self._encoding)


def _affine(weights: Weights) -> tuple[float, FloatArray]:
    """Returns a stage as a constant plus a row over x and y."""
    return float(weights.cloud.sum()), np.concatenate([weights.edge - weights.cloud, weights.send])


def _split_rows(graph: LayerGraph) -> "sparse.csr_array":
    """Returns the rows over x and y that are at most 0: x(w) - x(u), and x(u) - x(w) - y(u), for each arc u -> w."""
    arcs = model_arcs(graph.structure)
    read, reader = arcs.read, arcs.reader
    arc = np.arange(len(read))
    one: npt.NDArray[np.float64] = np.ones(len(read))
    shape = (2 * len(read), 2 * len(graph))
    entries = [(arc, reader, one), (arc, read, -one)]
    entries += [
        (arc + len(read), column, sign * one) for column, sign in ((read, 1), (reader, -1), (read + len(graph), -1))
    ]
    row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    return sparse.csr_array((value, (row, column)), shape=shape)
