"""A clock for what a thread computes."""

from collections.abc import Callable
from time import get_clock_info, perf_counter, thread_time

import torch

__all__ = ["compute_clock"]

# Some systems count a thread's time in ticks of many milliseconds.
_FINE = get_clock_info("thread_time").resolution < 1e-5


def compute_clock(device: torch.device) -> Callable[[], float]:
    """Returns the clock, in seconds, whose differences tell how long the calling thread computed on a device.

    On a CPU it counts the thread's processor time, so that what other processes take of the core is not billed to what
    happened to run. Elsewhere, and where such a clock is too coarse, it is the one on the wall.
    """
    return thread_time if device.type == "cpu" and _FINE else perf_counter
