"""The edge's worker thread: it runs heads, encoding, and tails when the cloud does not answer.

There is one thread, because two inferences at once gain nothing on a weak machine, and because the pipeline's first
stage is then busy for exactly the times that the model of the pipeline adds up. Engines release the GIL while they
compute, so the event loop can send and receive meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from edge_service.slowing import stretched

__all__ = ["EdgeCompute", "edge_seconds"]

T = TypeVar("T")


def edge_seconds(layer_s: tuple[float, ...], slowdown: float) -> tuple[float, ...]:
    """Returns each layer's seconds on an edge that is `slowdown` times slower than the machine that was measured."""
    return tuple(seconds * slowdown for seconds in layer_s)


class EdgeCompute:
    """Runs functions one after another on the edge's worker thread, and times them.

    Args:
        slowdown: how many times slower than this machine the edge is to be, at least 1. After a function that computed
            for t seconds, the thread sleeps for (slowdown - 1) * t before it returns. Sleeping leaves the core to the
            cloud if both share a machine, as in the demo.
        clock: measures the seconds computed. With the thread's CPU time, time that other processes take of the core is
            not multiplied by `slowdown`.
    """

    def __init__(self, slowdown: float = 1.0, clock: Callable[[], float] = time.thread_time) -> None:
        if not slowdown >= 1.0:
            raise ValueError(f"slowdown is {slowdown}, expected a number of at least 1")
        self._slowdown = slowdown
        self._clock = clock
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="edge-compute")

    async def run(self, function: Callable[[], T]) -> tuple[T, float]:
        """Runs `function` on the worker thread.

        Returns:
            The function's value, and the seconds it took, the slowdown included, without the wait for the functions
            before it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._stretched, function)

    async def prepare(self, function: Callable[[], object]) -> None:
        """Runs `function` on the worker thread without the slowdown, to warm up: a thread's first run takes longer."""
        await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def close(self) -> None:
        """Waits for the running function and ends the thread."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _stretched(self, function: Callable[[], T]) -> tuple[T, float]:
        began_s = time.perf_counter()
        value = stretched(function, self._slowdown, self._clock)
        return value, time.perf_counter() - began_s
