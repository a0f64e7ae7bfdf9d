"""What quadratic forms prove about the splits that keep much on the edge: the dual of a semidefinite relaxation.

Weighted cuts (see `partitioner.searched.dual_bounds`) cannot tell a split with a third of the work on the edge from a
mix of
edge-only and cloud-only, which sends nothing. Products of two layers can. With x(v) = 1 for a layer on the edge and 0
for one in the cloud, and E the seconds that the layers on the edge take there, every split with E >= e whose stages are
all below T has

* (E - e) (E - T) <= 0, which makes a third a third, as no mix of less than e and more than T does;
* Tc <= T;
* x(v) x(w) = x(w) where w reads v;
* Tt >= the sum of b(v) (x(v) - x(w1) x(w2)), where sending v takes b(v) seconds and w1, w2 are any two of its readers
  (or one twice; here the average over each reader and the next).

With multipliers m1, m2 >= 0 for the first two and l of any sign for the third, such a split has Tt >= G,

    G(x) = sum of b(v) (x(v) - x(w1) x(w2)) + m1 (Tc - T) + m2 (E - e) (E - T) + sum of l(vw) (x(v) x(w) - x(w)).

So where G >= T for *all* x of zeros and ones, there is no such split. With signs z = 2 x - 1 (one, vertex 0, for all
model inputs), G is a constant plus z' Q z, and z' Q z >= the sum of u for any numbers u for which Q - diag(u) is
positive semidefinite. Whether it is, a Cholesky decomposition decides, also in floating point (S. M. Rump,
"Verification of Positive Definiteness", BIT 46 (2006), doi:10.1007/s10543-006-0056-1). So a proof is one whatever the
multipliers are and wherever they come from (see `partitioner.searched.low_rank`).

Reference: M. X. Goemans, D. P. Williamson, "Improved Approximation Algorithms for Maximum Cut and Satisfiability
Problems Using Semidefinite Programming", Journal of the ACM 42 (1995), doi:10.1145/227683.227684.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from partitioner.listed.closed_sets import FloatArray
from partitioner.searched.min_cut import IntArray
from partitioner.searched.remainder import StageArrays

_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Multipliers:
    """The weights of the constraints.

    Attributes:
        cloud: Of Tc <= T, at least 0.
        between: Of (E - e) (E - T) <= 0, at least 0.
        closed: float64 [arcs]: of x(v) x(w) = x(w), of any sign.
    """

    cloud: float
    between: float
    closed: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A constant, plus toward . z, plus the sum of weight * z(i) z(j) over the pairs, plus square * (edge . z)^2.

    Attributes:
        constant: The constant.
        toward: float64 [vertices].
        weights: float64 [pairs].
        square: At least 0.
        magnitude: What its terms, taken as positive, add up to; rounding is a share of it.
    """

    constant: float
    toward: FloatArray
    weights: FloatArray
    square: float
    magnitude: float


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What signs, or unit vectors in their place, amount to.

    Attributes:
        transfer: Tt, from below.
        closed: float64 [arcs]: x(v) x(w) - x(w); all 0 for a split.
        cloud: Tc - T; at most 0 for one that is asked for.
        between: (E - e) (E - T); likewise.
    """

    transfer: float
    closed: FloatArray
    cloud: float
    between: float


class QuadraticBound:
    """The forms of one problem, with all seconds divided by T.

    Signs may be unit vectors (float64 [vertices, rank]), of which that of vertex 0 is the first axis.

    Args:
        stages: The problem, with at least one arc. Encoding takes no time in it; what decoding takes is left out.
        least_edge_s: e.
        bottleneck_s: T, above 0.

    Attributes:
        vertices: How many signs there are.
        arcs: How many arcs the graph has.
        mean_sent: What sending adds to Tt, on average over the arcs.
    """

    def __init__(self, stages: StageArrays, least_edge_s: float, bottleneck_s: float) -> None:
        is_input = np.zeros(len(stages.edge), dtype=np.bool_)
        is_input[list(stages.structure.inputs)] = True
        vertex = np.where(is_input, 0, np.cumsum(~is_input))
        self.vertices = 1 + int((~is_input).sum())
        self._least = least_edge_s / bottleneck_s
        self._edge = self._summed(vertex, stages.edge / bottleneck_s)
        self._cloud = self._summed(vertex, np.where(is_input, 0.0, stages.cloud / bottleneck_s))
        self._all_edge, self._all_cloud = float(self._edge.sum()), float(self._cloud.sum())
        # A tensor of more than T is never sent. Taken for T it is still too much, and rounding suffers less.
        up = np.minimum(stages.up / bottleneck_s, 1.0)
        down = np.where(is_input, 0.0, np.minimum(stages.down / bottleneck_s, 1.0))

        read, reader, next_reader = _in_reading_order(stages)
        self.mean_sent = float(np.mean(up[read]))
        share = up[read] / np.bincount(read, minlength=len(up))[read]
        self._read, self._reader = vertex[read], vertex[reader]
        self.arcs = len(read)
        # The products x(w1) x(w2) of neighbouring readers, then x(v) x(w) of all arcs; and which pair each is of.
        self._ends = np.array([np.append(self._reader, self._read), np.append(vertex[next_reader], self._reader)])
        pairs, self._pair_of = np.unique(
            self._ends.min(axis=0) * self.vertices + self._ends.max(axis=0), return_inverse=True
        )
        self._low, self._high = np.divmod(pairs, self.vertices)
        self._matrix = _SymmetricPattern(self._low, self._high, self.vertices)
        alone = self._summed(self._read, share) - self._summed(vertex, down)
        self._transfer = self._form(float(down.sum()), alone, np.append(-share, np.zeros(self.arcs)))

    def form(self, multipliers: Multipliers) -> Form:
        """Returns G."""
        alone = -multipliers.cloud * self._cloud - self._summed(self._reader, multipliers.closed)
        products = np.append(np.zeros(self.arcs), multipliers.closed)
        others = self._form(multipliers.cloud * (self._all_cloud - 1.0), alone, products)
        # With E = half + edge . z / 2, this is (E - e) (E - T).
        half = self._all_edge / 2.0
        constant, linear = (half - self._least) * (half - 1.0), half - (self._least + 1.0) / 2.0
        return Form(
            self._transfer.constant + others.constant + multipliers.between * constant,
            self._transfer.toward + others.toward + multipliers.between * linear * self._edge,
            self._transfer.weights + others.weights,
            multipliers.between / 4.0,
            self._transfer.magnitude + others.magnitude + multipliers.between * (self._all_edge + 1.0) ** 2,
        )

    def measure(self, signs: FloatArray) -> Measured:
        """Returns what unit vectors amount to."""
        toward = signs[:, 0]
        products = np.einsum("ij,ij->i", signs[self._low], signs[self._high])
        edge = self._edge @ signs
        edge_s = (self._all_edge + float(edge[0])) / 2.0
        squared = (self._all_edge**2 + 2.0 * self._all_edge * float(edge[0]) + float(edge @ edge)) / 4.0
        transfer = self._transfer.constant + self._transfer.toward @ toward + self._transfer.weights @ products
        return Measured(
            transfer=float(transfer),
            closed=(toward[self._read] - toward[self._reader] + products[self._pair_of[self.arcs :]] - 1.0) / 4.0,
            cloud=float(self._cloud @ (1.0 - toward)) / 2.0 - 1.0,
            between=squared - (self._least + 1.0) * edge_s + self._least,
        )

    def gradient(self, form: Form, signs: FloatArray) -> FloatArray:
        """Returns how a form changes with the unit vectors: float64 [vertices, rank]."""
        slope: FloatArray = self._matrix.of(form.weights) @ signs
        slope += 2.0 * form.square * np.outer(self._edge, self._edge @ signs)
        slope[:, 0] += form.toward
        return slope

    def proves(self, multipliers: Multipliers, signs: FloatArray) -> bool:
        """Whether it is certain that G >= T for all signs: then no split is below T.

        Args:
            multipliers: Those of inequalities at least 0, the others any.
            signs: Unit vectors that nearly minimise G; the numbers u are read off them.
        """
        form = self.form(multipliers)
        matrix = self._matrix.of(form.weights).toarray() / 2.0
        matrix += form.square * np.outer(self._edge, self._edge)
        matrix[0] += form.toward / 2.0
        matrix[:, 0] += form.toward / 2.0
        minimum = np.einsum("ij,ij->i", matrix @ signs, signs)
        spare = form.constant + float(minimum.sum()) - 1.0
        if not 0.0 < spare < math.inf:
            return False
        # What is proven beyond T pays for eigenvalues a little below 0, all but a tenth: most where signs are
        # undecided, as their eigenvectors are largest there.
        undecided = (1.0 - np.minimum(signs[:, 0] ** 2, 1.0) + 1e-3) ** 2
        matrix[np.diag_indices_from(matrix)] += 0.9 * spare / undecided.sum() * undecided - minimum
        size = form.magnitude + float(np.abs(minimum).sum()) + self.vertices * float(np.abs(matrix.diagonal()).sum())
        # A decomposition that succeeds in floating point leaves eigenvalues of no less than - n eps trace.
        if 10 * self.vertices * _EPSILON * size > 0.1 * spare:
            return False
        try:
            linalg.cholesky(matrix, lower=True, overwrite_a=True)
        except linalg.LinAlgError:
            return False
        return True

    def _summed(self, vertex: IntArray, numbers: FloatArray) -> FloatArray:
        return np.bincount(vertex, weights=numbers, minlength=self.vertices).astype(np.float64, copy=False)

    def _form(self, constant: float, alone: FloatArray, products: FloatArray) -> Form:
        """Writes a constant, a number for each x and one for each product as a form of signs: x = (1 + z) / 2."""
        return Form(
            constant + float(alone.sum()) / 2.0 + float(products.sum()) / 4.0,
            alone / 2.0 + self._summed(self._ends.ravel(), np.append(products, products)) / 4.0,
            np.bincount(self._pair_of, weights=products, minlength=len(self._low)) / 4.0,
            0.0,
            abs(constant) + float(np.abs(alone).sum()) + float(np.abs(products).sum()),
        )


class _SymmetricPattern:
    """Where a symmetric matrix has entries, so that new numbers need no sorting."""

    def __init__(self, one: IntArray, other: IntArray, count: int) -> None:
        rows, columns = np.append(one, other), np.append(other, one)
        order = np.lexsort((columns, rows))
        self._entry = order % len(one)
        self._columns = columns[order]
        self._starts = np.searchsorted(rows[order], np.arange(count + 1))
        self._count = count

    def of(self, numbers: FloatArray) -> "sparse.csr_array":
        return sparse.csr_array((numbers[self._entry], self._columns, self._starts), shape=(self._count, self._count))


def _in_reading_order(stages: StageArrays) -> tuple[IntArray, IntArray, IntArray]:
    """Returns the arcs by the layer that is read: it, its reader, and its next reader, the first after the last."""
    order = np.argsort(stages.arcs.read, kind="stable")
    read, reader = stages.arcs.read[order], stages.arcs.reader[order]
    first = np.searchsorted(read, read)
    following = np.arange(1, len(read) + 1)
    is_last = np.append(read[1:] != read[:-1], True)
    return read, reader, reader[np.where(is_last, first, following)]
