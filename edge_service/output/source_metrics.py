"""What happens to a live source as metrics, read from its report whenever they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

__all__ = ["SourceMetrics"]

_COUNTERS = {
    "reconnects": "Connections to a live source that was lost before.",
    "lost_packets": "RTP packets of a live source that were lost on the way.",
}


class SourceMetrics(Collector):
    """Counters of one source; 0 until there is one.

    Attributes:
        counts: Gives the report as JSON.
    """

    def __init__(self) -> None:
        self.counts: Callable[[], Mapping[str, Any]] = dict

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The counters now."""
        now = self.counts()
        for name, meaning in _COUNTERS.items():
            yield CounterMetricFamily(f"dads_source_{name}", meaning, value=now.get(name, 0))
