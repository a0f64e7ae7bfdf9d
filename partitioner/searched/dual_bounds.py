"""What weighted sums of the stages prove about heavy load, and which weights prove most.

For any weights (a, b, g) >= 0, the smallest a*Te + b*Tt + g*Tc over all splits is a minimum cut, and it bounds either
question of heavy load from below (Lagrange):

* the bottleneck, when the weights sum to 1: an average of three stages is at most their maximum;
* the latency among the splits whose stages all stay within a period P, when each weight is 1 plus a multiplier
  l >= 0: such a split has Te + Tt + Tc >= Te + Tt + Tc + sum of l * (stage - P).

Either bound is a concave function of the weights. Its maximum is found by cutting planes (J. E. Kelley, 1960,
doi:10.1137/0108053): each split found so far bounds the function from above by a plane, and the next weights are where
the lowest of these is highest.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from partitioner.scan import FloatArray

# A split a million times worse than the best has no influence.
_WORST = 1e6
_MOST_MULTIPLIER = 1e3


class Question(Protocol):
    """One of the two questions of heavy load."""

    def values_s(self, stages: FloatArray) -> FloatArray:
        """Returns the value of each split, the smaller the better; inf for a split that is not allowed.

        Args:
            stages: float64 [splits, 3]: Te, Tt, Tc in seconds.
        """
        ...

    def bound_s(self, weights: FloatArray, weighted_minimum_s: float) -> float:
        """Returns the lower bound that follows from the smallest weighted sum of the stages over all splits."""
        ...

    def next_weights(self, planes: FloatArray) -> tuple[FloatArray, float]:
        """Returns the weights whose bound may be highest, given the splits found so far, and a ceiling of that bound.

        Args:
            planes: float64 [splits, 3]: the stages of these splits.
        """
        ...


@dataclass(frozen=True, slots=True)
class SmallestBottleneck:
    """Minimise max(Te, Tt, Tc)."""

    def values_s(self, stages: FloatArray) -> FloatArray:
        """Returns each split's largest stage."""
        return np.asarray(stages.max(axis=1), dtype=np.float64)

    def bound_s(self, weights: FloatArray, weighted_minimum_s: float) -> float:
        """Returns the weighted sum itself."""
        return weighted_minimum_s / max(1.0, float(weights.sum()))

    def next_weights(self, planes: FloatArray) -> tuple[FloatArray, float]:
        """Weights sum to 1; see `Question`."""
        even = np.full(3, 1 / 3)
        planes = planes[np.isfinite(planes).all(axis=1)]
        if len(planes) == 0:
            return even, math.inf
        scale = float(planes.max(axis=1).min())
        if scale == 0.0:
            return even, 0.0
        found = _highest(
            A_ub=np.column_stack([-_scaled(planes, scale), np.ones(len(planes))]),
            b_ub=np.zeros(len(planes)),
            A_eq=[[1.0, 1.0, 1.0, 0.0]],
            b_eq=[1.0],
            bounds=[(0.0, 1.0)] * 3 + [(None, None)],
        )
        if found is None:
            return even, math.inf
        weights = np.maximum(found[:3], 0.0)
        return weights / weights.sum(), float(found[3] * scale)


@dataclass(frozen=True, slots=True)
class LowestLatency:
    """Minimise Te + Tt + Tc + F among the splits whose stages are all below a period.

    Attributes:
        period_s: What the stages stay below; above 0.
        fixed_s: F, added to every split; edge-only, which has none, is compared elsewhere.
    """

    period_s: float
    fixed_s: float

    def values_s(self, stages: FloatArray) -> FloatArray:
        """Returns each split's latency, inf for one that does not keep up."""
        keeps_up = stages.max(axis=1) < self.period_s
        return np.where(keeps_up, stages.sum(axis=1) + self.fixed_s, math.inf)

    def bound_s(self, weights: FloatArray, weighted_minimum_s: float) -> float:
        """Returns the weighted sum minus what the multipliers give for stages of a whole period."""
        given_s = self.period_s * float((weights - 1.0).sum())
        # Both may be large and nearly equal; the bound must hold after rounding too.
        return weighted_minimum_s - given_s - 1e-12 * given_s + self.fixed_s

    def next_weights(self, planes: FloatArray) -> tuple[FloatArray, float]:
        """Weights are 1 plus multipliers; see `Question`."""
        planes = planes[np.isfinite(planes).all(axis=1)]
        if len(planes) == 0:
            return np.ones(3), math.inf
        planes = _scaled(planes, self.period_s)
        found = _highest(
            A_ub=np.column_stack([1.0 - planes, np.ones(len(planes))]),
            b_ub=planes.sum(axis=1),
            bounds=[(0.0, _MOST_MULTIPLIER)] * 3 + [(None, None)],
        )
        if found is None:
            return np.ones(3), math.inf
        return 1.0 + np.maximum(found[:3], 0.0), float(found[3] * self.period_s) + self.fixed_s


def _highest(**program: object) -> FloatArray | None:
    """Returns the point of a linear program whose fourth number is highest; None if none was found."""
    from scipy.optimize import linprog  # noqa: PLC0415  # 30 MB that only wide models need

    found: FloatArray | None = linprog(c=[0.0, 0.0, 0.0, -1.0], method="highs", **program).x
    return found


def _scaled(planes: FloatArray, scale: float) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.minimum(planes / scale, _WORST)
