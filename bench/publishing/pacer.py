"""What runs now, since when, and how long all of it should take: printed while a benchmark runs."""

from __future__ import annotations

import time

__all__ = ["Pacer"]


class Pacer:
    """Prints a line for each part.

    Args:
        expected_s: How long everything should take.
    """

    def __init__(self, expected_s: float) -> None:
        self._began_s = time.monotonic()
        self._expected_s = expected_s
        print(f"expected to take about {expected_s:.0f} s ({expected_s / 60:.1f} minutes)", flush=True)

    def say(self, what: str) -> None:
        """Prints a line with the seconds so far."""
        print(f"[{time.monotonic() - self._began_s:5.0f} of {self._expected_s:.0f} s] {what}", flush=True)
