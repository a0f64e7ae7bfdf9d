"""The edge machine's arithmetic: one worker thread runs heads, and tails when the cloud does not answer.

One thread, because a weak machine has nothing to gain from two inferences at once, and because the first stage of
the pipeline is then busy exactly as long as the model of the pipeline says. torch releases the GIL while it computes,
so the event loop goes on sending and receiving.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["EdgeCompute", "edge_seconds"]

T = TypeVar("T")


def edge_seconds(layer_s: tuple[float, ...], slowdown: float) -> tuple[float, ...]:
    """Returns the seconds of each layer on an edge that is `slowdown` times slower than where they were measured."""
    return tuple(seconds * slowdown for seconds in layer_s)


class EdgeCompute:
    """Runs functions one after another on the edge's worker thread, and tells how long each took.

    Args:
        slowdown: how many times slower than this machine the edge shall be, at least 1. The time is really spent:
            after a function that computed for t seconds the thread sleeps (slowdown - 1) * t before it returns.
            Sleeping rather than spinning leaves the core to the cloud where both share one machine, as in the demo.
        clock: tells what the thread computed. With the processor's time, what others take of the core is waited for
            once, not `slowdown` times: the edge shall be slower, not busier.
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
            What it returned, and the seconds it took on this edge, the slowdown included, without the wait for
            the functions before it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._stretched, function)

    async def prepare(self, function: Callable[[], object]) -> None:
        """Runs `function` on the worker thread as fast as this machine can: a thread's first run takes longer."""
        await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def close(self) -> None:
        """Lets what runs finish and ends the thread."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _stretched(self, function: Callable[[], T]) -> tuple[T, float]:
        began_s, computed_s = time.perf_counter(), self._clock()
        with torch.inference_mode():
            value = function()
        if self._slowdown > 1.0:
            time.sleep((self._slowdown - 1.0) * (self._clock() - computed_s))
        return value, time.perf_counter() - began_s
