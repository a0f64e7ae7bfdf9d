"""Tails of callers that are not of the fleet: they come at random and take a share of a replica's time."""

import random

from bench.fleet.clock import Clock
from bench.fleet.replica import Replica, Served
from bench.fleet.spec import CloudSpec

_TIMEOUT_S = 60.0


class Foreign:
    """See the module docstring.

    Args:
        cloud: Says how much of its time they take.
        replica: Where they come.
        tail_s: How long each takes.
        until_s: When they stop.
        clock: Makes the calls.
        rng: What their times are drawn from.
    """

    def __init__(
        self, cloud: CloudSpec, replica: Replica, tail_s: float, until_s: float, clock: Clock, rng: random.Random
    ) -> None:
        self._replica, self._tail_s, self._until_s, self._clock, self._rng = replica, tail_s, until_s, clock, rng
        self._rate_hz = cloud.foreign * cloud.places / tail_s
        self._next(0.0)

    def _next(self, now_s: float) -> None:
        if self._rate_hz:
            at_s = now_s + self._rng.expovariate(self._rate_hz)
            if at_s < self._until_s:
                self._clock.at(at_s, self._arrive)

    def _arrive(self, _: object, now_s: float) -> None:
        served = self._replica.admit(self._tail_s, _TIMEOUT_S, now_s)
        if served is not None and not served.expires:
            self._clock.at(served.ends_s, self._computed, served)
        self._next(now_s)

    def _computed(self, served: Served, now_s: float) -> None:
        self._replica.computed(served, self._tail_s, now_s)
