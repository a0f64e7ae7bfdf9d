"""Which of several clouds an edge uses: the cheapest, but edges that see the same do not change over at the same time.

A cloud that cannot be used is left at once, for one that is cheap; which one, is drawn. Otherwise another cloud must be
cheaper by a margin, and then how long the change takes is drawn too, so that of many edges only a few change before
the clouds' loads tell of it: an edge changes with a probability per second that is its relative gain over `horizon_s`.
After a change it stays for a while, so that it changes less than once a minute, whatever the loads do.

Source: S. Fischer, B. Vöcking, Adaptive routing with stale information, PODC 2005: where agents learn of loads late,
choosing the best at once oscillates, and changing in proportion to the relative gain, slowly enough, does not.
"""

import math
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edge_service.control.plan import Plan


@dataclass(frozen=True, slots=True)
class ChoiceConfig:
    """Settings of a `CloudChoice`.

    Attributes:
        margin: Smallest relative gain that is worth a change.
        horizon_s: A gain of all there is would be waited for this long on average; of a half, twice as long.
        stay_s: Shortest time between two changes, except from a cloud that cannot be used; up to half more is drawn.
        spread: Of the clouds that are dearer than the cheapest by less than this, relatively, one is drawn where the
            change cannot wait.
        fresh_s: A cloud is changed to only if it was measured within this time,
        blind_s: or could not be measured for so long since the change is wanted.
        compare_s: Shortest time between two comparisons; each prices the splits for every cloud.
    """

    margin: float = 0.10
    horizon_s: float = 10.0
    stay_s: float = 60.0
    spread: float = 0.25
    fresh_s: float = 5.0
    blind_s: float = 20.0
    compare_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.margin < 1.0:
            raise ValueError(f"margin must be in [0, 1), not {self.margin}")
        times_s = (self.horizon_s, self.stay_s, self.spread, self.fresh_s, self.blind_s, self.compare_s)
        if not all(0.0 < each < math.inf for each in times_s):
            raise ValueError(f"horizon_s, stay_s, spread, fresh_s, blind_s, compare_s must be positive, not {times_s}")


@dataclass(frozen=True, slots=True)
class Price:
    """What a frame costs with one cloud.

    Attributes:
        keeps_up: Whether the best split for it keeps up with the frames.
        seconds: The frame's latency if it does, else the time of its slowest stage.
    """

    keeps_up: bool
    seconds: float

    @classmethod
    def of(cls, plan: Plan, queue_s: float = 0.0) -> "Price":
        """The price of a frame that is run as planned, and whose tail waits for `queue_s` besides."""
        split = plan.partition
        waits_s = queue_s if split.fixed_s else 0.0
        return cls(plan.keeps_up, (split.latency_s if plan.keeps_up else split.bottleneck_s) + waits_s)

    @property
    def order(self) -> tuple[bool, float]:
        """What sorts the cheapest first."""
        return not self.keeps_up, self.seconds

    def gain_over(self, other: "Price") -> float:
        """The share of the other price that this one saves; 1 if only this one keeps up, at most 0 if it is dearer."""
        if self.keeps_up != other.keeps_up:
            return 1.0 if self.keeps_up else -1.0
        return 1.0 - self.seconds / other.seconds if other.seconds > 0.0 else 0.0


class CloudChoice:
    """See the module docstring.

    Args:
        config: Settings.
        rng: What is drawn from; edges of one fleet need different ones.

    Attributes:
        current: The cloud in use; None before the first choice.
        wanted: The cloud to change to, if it stays cheaper; None if none is.
        changes: How often the cloud in use changed.
    """

    def __init__(self, config: ChoiceConfig, rng: random.Random) -> None:
        self._config, self._rng = config, rng
        self.current: int | None = None
        self.wanted: int | None = None
        self.changes = 0
        self._patience = rng.expovariate(1.0)
        self._stays_until_s = -math.inf
        self._compared_s = -math.inf
        self._wanted_since_s = math.inf

    def is_due(self, usable: Collection[int], now_s: float) -> bool:
        """Whether to compare the clouds now; at once if the one in use cannot be used and another can."""
        if not usable:
            return False
        return self.current not in usable or now_s - self._compared_s >= self._config.compare_s

    def choose(self, prices: Mapping[int, Price], now_s: float, *, fresh: Collection[int]) -> None:
        """Compares the clouds that can be used.

        Args:
            prices: By cloud, what a frame costs with it.
            now_s: The time.
            fresh: Clouds that were measured within `fresh_s`.
        """
        since_s, self._compared_s = now_s - self._compared_s, now_s
        if not prices:
            return
        if self.current is None or self.current not in prices:
            self._leave(prices, now_s)
            return
        best = min(prices, key=lambda cloud: prices[cloud].order)
        gain = prices[best].gain_over(prices[self.current])
        if not gain > self._config.margin:
            self.wanted, self._wanted_since_s = None, math.inf
            return
        if now_s < self._stays_until_s:
            return
        if best != self.wanted:
            self.wanted, self._wanted_since_s = best, now_s
            return
        # The exponential distribution has no memory: patience that is left from another wish is as good as new.
        self._patience -= min(since_s, self._config.horizon_s) * gain / self._config.horizon_s
        blind = now_s - self._wanted_since_s >= self._config.blind_s
        if self._patience <= 0.0 and (best in fresh or blind):
            self._change(best, now_s)

    def _leave(self, prices: Mapping[int, Price], now_s: float) -> None:
        """Draws one of the cheap clouds; a cheaper one is drawn more often."""
        keeping_up = {cloud: price for cloud, price in prices.items() if price.keeps_up} or prices
        lowest_s = min(price.seconds for price in keeping_up.values())
        near = [c for c, price in keeping_up.items() if price.seconds <= lowest_s * (1.0 + self._config.spread)]
        weights = [lowest_s / keeping_up[cloud].seconds if lowest_s > 0.0 else 1.0 for cloud in near]
        (drawn,) = self._rng.choices(near, weights)
        if self.current is None:
            self.current = drawn  # the first choice; nothing was left, so nothing has to settle
        else:
            self._change(drawn, now_s)

    def _change(self, cloud: int, now_s: float) -> None:
        self.current, self.wanted, self._wanted_since_s = cloud, None, math.inf
        self.changes += 1
        self._patience = self._rng.expovariate(1.0)
        self._stays_until_s = now_s + self._config.stay_s * self._rng.uniform(1.0, 1.5)
