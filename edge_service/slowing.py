"""A slow edge, imitated: whatever it computes takes several times as long, its decisions included.

Waiting leaves the core to the cloud if both share a machine, as in the demo. What runs on the event loop blocks it
while it waits, as it would on a slow machine.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import TypeVar

from edge_service.control import Choosable, Controller, EncodingCosts, Event, Job, PacketCosts, Plan, Policy, Ready
from partitioner import LayerGraph, Partition
from partitioner.splits import Splits

__all__ = ["SlowedController", "stretched"]

T = TypeVar("T")


def stretched(
    function: Callable[[], T],
    slowdown: float,
    clock: Callable[[], float] = time.thread_time,
    wait: Callable[[float], object] = time.sleep,
) -> T:
    """Runs `function` so that it takes `slowdown` times as long.

    Args:
        function: computes something.
        slowdown: at least 1.
        clock: measures the seconds computed. With the thread's processor time, time that other processes take of the
            core is not multiplied.
        wait: waits for so many seconds.
    """
    began_s = clock()
    value = function()
    if slowdown > 1.0:
        wait((slowdown - 1.0) * (clock() - began_s))
    return value


class SlowedController(Controller):
    """A controller that takes `slowdown` times as long for each event, plan and result.

    Args:
        slowdown: at least 1.
        graph: as for `Controller`, and so are the others.
        edge_s: see there.
        rate_hz: see there.
        encodings: see there.
        policy: see there.
        packets: see there.
        ready: see there.
        clouds: see there.
        rng: see there.
    """

    def __init__(
        self,
        slowdown: float,
        graph: LayerGraph,
        edge_s: tuple[float, ...],
        *,
        rate_hz: float,
        encodings: tuple[EncodingCosts, ...],
        policy: Policy,
        packets: PacketCosts | None = None,
        ready: Ready | None = None,
        clouds: int = 1,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(
            graph,
            edge_s,
            rate_hz=rate_hz,
            encodings=encodings,
            policy=policy,
            packets=packets,
            ready=ready,
            clouds=clouds,
            rng=rng,
        )
        self._slowdown = slowdown

    def observe(self, event: Event, now_s: float, cloud: int = 0) -> None:
        """As `Controller.observe`."""
        stretched(partial(super().observe, event, now_s, cloud), self._slowdown)

    def plan(self, now_s: float, *, packets_ready: bool | Collection[int] = False) -> Plan:
        """As `Controller.plan`."""
        return stretched(partial(super().plan, now_s, packets_ready=packets_ready), self._slowdown)

    def preparation_due(self) -> tuple[frozenset[str], ...] | None:
        """As `Controller.preparation_due`."""
        return stretched(super().preparation_due, self._slowdown)

    def work_ended(self, job: Job, result: Splits | Partition | Choosable | None, now_s: float) -> None:
        """As `Controller.work_ended`."""
        stretched(partial(super().work_ended, job, result, now_s), self._slowdown)
