"""The summary of a run: the JSON object of `--report`, collected frame by frame in bounded memory.

All latencies are kept up to a limit; then they are thinned evenly, so that a run of days needs a few megabytes. Counts
and means are exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from edge_service.frame import FrameResult, Outcome

__all__ = ["RunReport", "percentile"]

_KEPT = 100_000
_PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def percentile(ordered: list[float], share: float) -> float | None:
    """The smallest of the ascending values that at least `share` of them do not exceed; None without values.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


class RunReport:
    """The summary of one run.

    Args:
        model: the model's name.
        digest: the model's digest.
        strategy: the policy's name.
    """

    def __init__(self, model: str, digest: str, strategy: str) -> None:
        self._model = model
        self._digest = digest
        self._strategy = strategy
        self._outcomes: Counter[Outcome] = Counter()
        self._splits: Counter[tuple[tuple[str, ...], str]] = Counter()
        self._encodings: Counter[str] = Counter()
        self._clouds: Counter[str] = Counter()
        self._switches = 0
        self._sent_bytes = 0
        self._latency_s = _Thinned()
        self._mean_latency_s = _Mean()
        self._stages: dict[str, tuple[_Mean, _Mean]] = {}
        self._uplink_bps: float | None = None
        self._downlink_bps: float | None = None
        self._first_s: float | None = None
        self._last_s: float | None = None

    def add(self, result: FrameResult, finished_s: float) -> None:
        """Adds a finished frame; `finished_s` is the monotonic time of its result."""
        self._outcomes[result.outcome] += 1
        self._switches += result.switched
        self._sent_bytes += result.sent_bytes
        if result.cloud is not None:
            self._clouds[result.cloud] += 1
        self._uplink_bps = result.uplink_bps or self._uplink_bps
        self._downlink_bps = result.downlink_bps or self._downlink_bps
        if self._first_s is None:
            self._first_s = finished_s - result.latency_s
        self._last_s = finished_s
        if not result.outcome.has_result:
            return
        if result.partition is not None and result.mode is not None:
            self._splits[result.partition.cut, result.mode] += 1
            if result.partition.cut:
                self._encodings[result.partition.encoding] += 1
        self._latency_s.add(result.latency_s)
        self._mean_latency_s.add(result.latency_s)
        # A fallback's stages cannot be compared with the prediction, because its transfer did not end.
        if result.outcome is Outcome.LOCAL_FALLBACK:
            return
        measured = result.measured()
        for stage, predicted_s in result.predicted().items():
            both = self._stages.setdefault(stage, (_Mean(), _Mean()))
            both[0].add(predicted_s)
            both[1].add(measured[stage])

    @property
    def done(self) -> int:
        """Frames with a result."""
        return sum(count for outcome, count in self._outcomes.items() if outcome.has_result)

    def as_json(self) -> dict[str, Any]:
        """The report; values without measurements are None."""
        ordered = sorted(self._latency_s.values)
        elapsed_s = (self._last_s or 0.0) - (self._first_s or 0.0)
        return {
            "model": self._model,
            "digest": self._digest,
            "strategy": self._strategy,
            "frames": self._frames(),
            "latency_s": {
                "mean": self._mean_latency_s.value,
                **{name: percentile(ordered, share) for name, share in _PERCENTILES},
            },
            "throughput_hz": self.done / elapsed_s if elapsed_s > 0 else None,
            "splits": [
                {"cut": list(cut), "mode": mode, "frames": frames} for (cut, mode), frames in self._splits.most_common()
            ],
            "encodings": dict(self._encodings.most_common()),
            "clouds": dict(self._clouds.most_common()),
            "switches": self._switches,
            "sent_bytes": self._sent_bytes,
            "stages": {
                stage: {"predicted_s": predicted.value, "measured_s": measured.value}
                for stage, (predicted, measured) in self._stages.items()
            },
            "uplink_bps": self._uplink_bps,
            "downlink_bps": self._downlink_bps,
        }

    def _frames(self) -> Mapping[str, int]:
        return {
            "read": sum(self._outcomes.values()),
            "done": self.done,
            "dropped": self._outcomes[Outcome.DROPPED],
            "failed": self._outcomes[Outcome.FAILED],
            "offloaded": self._outcomes[Outcome.OFFLOADED],
            "edge_only": self._outcomes[Outcome.EDGE_ONLY],
            "local_fallback": self._outcomes[Outcome.LOCAL_FALLBACK],
        }


class _Thinned:
    """An evenly thinned series: every value at first, then every second, every fourth, and so on."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._every = 1
        self._seen = 0

    def add(self, value: float) -> None:
        if self._seen % self._every == 0:
            self.values.append(value)
            if len(self.values) >= _KEPT:
                self.values = self.values[::2]
                self._every *= 2
        self._seen += 1


class _Mean:
    """A running mean."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        self._sum += value
        self._count += 1

    @property
    def value(self) -> float | None:
        return self._sum / self._count if self._count else None
