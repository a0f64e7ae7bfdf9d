"""A clock for the compute time of a thread."""

from collections.abc import Callable
from time import get_clock_info, perf_counter, thread_time

__all__ = ["compute_clock"]

# On some systems the thread's clock has a resolution of many milliseconds.
_FINE = get_clock_info("thread_time").resolution < 1e-5


def compute_clock(device: object = "cpu") -> Callable[[], float]:
    """Returns the clock, in seconds, for the calling thread's compute time on a device.

    On a CPU it is the thread's CPU time, which excludes the time that other processes take on the core. On other
    devices, and where the thread's clock is too coarse, it is wall time.

    Args:
        device: Its name, or torch's device.
    """
    return thread_time if str(device).startswith("cpu") and _FINE else perf_counter
