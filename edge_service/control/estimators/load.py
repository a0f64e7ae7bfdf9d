"""How many times slower a machine, edge or cloud, is than its profile says.

Laws:

- time is an argument; nothing here reads a clock;
- the estimate is positive and finite, whatever the samples; a sample that is not positive and finite changes nothing;
- one outlier changes it little; after two in a row on the same side it follows at once.
"""

import math
from collections import deque
from statistics import median

_AS_PROFILED = (1.0, 1.0)
_STEP_RATIO = 1.5


class LoadEstimator:
    """How many times slower a machine is than its profile says: an EWMA over medians of three.

    The median removes a single slow run (a page fault, another process). The profile counts as two samples of 1, so
    that this holds for the first run too: if one slow run stopped a head from running again, no better sample would
    follow. For the same reason the factor decays to 1 without samples: a machine that is not used gives none.

    Args:
        weight: Weight of a new median.
        min_predicted_s: Runs with a shorter prediction are ignored: other times (a thread that wakes up) dominate them.
        bounds: Limits of the factor.
        hold_s: How long the last factor stays without new samples.
        relax_s: Time constant of the decay to 1 after that.
    """

    def __init__(
        self,
        *,
        weight: float = 0.3,
        min_predicted_s: float = 2e-3,
        bounds: tuple[float, float] = (0.05, 100.0),
        hold_s: float = 10.0,
        relax_s: float = 20.0,
    ) -> None:
        self._weight = weight
        self._min_predicted_s = min_predicted_s
        self._low, self._high = bounds
        self._hold_s = hold_s
        self._relax_s = relax_s
        self._factor = 1.0
        self._updated_s = -math.inf
        self._recent: deque[float] = deque(_AS_PROFILED, maxlen=3)

    def factor(self, now_s: float) -> float:
        """The factor at `now_s`, positive and finite; 1 without a sample."""
        unused_s = now_s - self._updated_s - self._hold_s
        if unused_s <= 0.0:
            return self._factor
        return 1.0 + (self._factor - 1.0) * math.exp(-unused_s / self._relax_s)

    def add(self, predicted_s: float, measured_s: float, now_s: float) -> bool:
        """Takes one run: predicted seconds at load 1 and measured seconds; returns whether it was used."""
        usable = math.isfinite(measured_s) and measured_s > 0.0 and math.isfinite(predicted_s)
        return usable and predicted_s >= self._min_predicted_s and self._add_ratio(measured_s / predicted_s, now_s)

    def reported(self, factor: float, now_s: float) -> bool:
        """Takes a factor that the machine itself reports; returns whether it was used."""
        return math.isfinite(factor) and factor > 0.0 and self._add_ratio(factor, now_s)

    def _add_ratio(self, ratio: float, now_s: float) -> bool:
        before = self.factor(now_s)
        if now_s - self._updated_s > self._hold_s:
            self._recent.extend(_AS_PROFILED)
        self._recent.append(min(max(ratio, self._low), self._high))
        value = median(self._recent)
        # Only two such samples in a row move a median so far: a step, followed at once. Smaller changes are smoothed.
        step = not before / _STEP_RATIO <= value <= before * _STEP_RATIO
        self._factor = value if step else before + self._weight * (value - before)
        self._updated_s = now_s
        return True
