"""What happened to a source during a run: counts, gaps, and why it ended; for the report."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

from edge_service.sources.addresses import masked

__all__ = ["Gap", "SourceReport"]

_MOST_GAPS = 1000
_MOST_KINDS = 20
_OTHERS = "other reasons"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without pictures.

    Attributes:
        at_s: When it began, in the source's time (`source_s` of results).
        seconds: How long it was.
        why: The reason.
    """

    at_s: float
    seconds: float
    why: str


class SourceReport:
    """Counts what happens to one source in one run; safe to use from several threads, bounded in memory.

    Args:
        spec: The source as it was asked for; it is masked here.
    """

    def __init__(self, spec: str = "") -> None:
        self._spec = masked(spec)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._gaps: deque[Gap] = deque(maxlen=_MOST_GAPS)
        self._error: str | None = None

    def read(self, pictures: int = 1) -> None:
        """The source gave pictures, whether or not they became frames."""
        self._add("read", pictures)

    def failed(self, kind: str) -> bool:
        """A picture cannot be decoded.

        Args:
            kind: The reason, without names and numbers of single pictures.

        Returns:
            Whether this kind is new, and should be logged.
        """
        kind = masked(kind)
        with self._lock:
            self._counts["failed"] += 1
            is_new = kind not in self._failures and len(self._failures) < _MOST_KINDS
            self._failures[kind if is_new or kind in self._failures else _OTHERS] += 1
            return is_new

    def discontinuity(self) -> int:
        """The source's times jumped; returns how often until now."""
        return self._add("discontinuities", 1)

    def reconnected(self) -> int:
        """A live source was connected to again; returns how often until now."""
        return self._add("reconnects", 1)

    def lost_packets(self, packets: int) -> int:
        """Packets were lost on the way, as the receiver knows; returns how many until now."""
        return self._add("lost_packets", packets)

    def gap(self, at_s: float, seconds: float, why: str) -> None:
        """There was no picture for a while; the newest gaps are listed, all are counted."""
        with self._lock:
            self._counts["gaps"] += 1
            self._gaps.append(Gap(round(at_s, 3), round(seconds, 3), masked(why)))

    def ended_by(self, error: BaseException | str) -> None:
        """The source ended by an error; the first one counts."""
        with self._lock:
            self._error = self._error or masked(str(error) or type(error).__name__)

    @property
    def reconnects(self) -> int:
        """How often a live source was connected to again."""
        with self._lock:
            return self._counts["reconnects"]

    @property
    def error(self) -> str | None:
        """Why the source ended, if by an error."""
        with self._lock:
            return self._error

    def as_json(self) -> dict[str, Any]:
        """The report's key `source`."""
        with self._lock:
            return {
                "spec": self._spec,
                "read": self._counts["read"],
                "failed": self._counts["failed"],
                "failures": dict(self._failures.most_common()),
                "discontinuities": self._counts["discontinuities"],
                "reconnects": self._counts["reconnects"],
                "lost_packets": self._counts["lost_packets"],
                "gaps": [asdict(gap) for gap in self._gaps],
                "gaps_not_listed": self._counts["gaps"] - len(self._gaps),
                "error": self._error,
            }

    def _add(self, name: str, count: int) -> int:
        with self._lock:
            self._counts[name] += count
            return self._counts[name]
