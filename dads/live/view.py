"""What the live page shows: told by the agent's loop, read by the threads that serve the page."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_service import FrameResult
from edge_service.control import ControllerState
from partitioner import LayerGraph, Partition

__all__ = ["KEPT", "LiveView", "Snapshot"]

KEPT = 60
"""How many of the last frames are kept."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment.

    Attributes:
        version: grows with every frame; 0 before the first.
        records: the last frames as lines of `--results` hold them, the oldest first.
        partition: the split of the last frame that was started, or None.
        max_rate_hz: the rate that could be sustained when it was started, or None.
        keeps_up: whether the split was expected to keep up with the frames, or None.
        state: what the agent believes about link and load, or None before the first frame.
        outcomes: frames by outcome, since the start.
    """

    version: int
    records: tuple[Mapping[str, Any], ...]
    partition: Partition | None
    max_rate_hz: float | None
    keeps_up: bool | None
    state: ControllerState | None
    outcomes: Mapping[str, int]


class LiveView:
    """Keeps the last frames of a run; safe to use from several threads.

    Args:
        model: the model's name.
        graph: its layers.
        strategy: how splits are chosen.
    """

    def __init__(self, model: str, graph: LayerGraph, strategy: str) -> None:
        self.model = model
        self.graph = graph
        self.strategy = strategy
        self._news = threading.Condition()
        self._version = 0
        self._records: deque[Mapping[str, Any]] = deque(maxlen=KEPT)
        self._partition: Partition | None = None
        self._max_rate_hz: float | None = None
        self._keeps_up: bool | None = None
        self._state: ControllerState | None = None
        self._outcomes: Counter[str] = Counter()
        self._closed = False

    def saw(self, record: Mapping[str, Any], result: FrameResult, state: ControllerState) -> None:
        """Takes a frame's end: nothing that costs more than keeping it.

        Args:
            record: the frame as a line of `--results` holds it; not changed afterwards.
            result: the same; its tensors are not kept.
            state: what the agent believes now.
        """
        with self._news:
            self._version += 1
            self._records.append(record)
            if result.partition is not None:
                self._partition = result.partition
                self._max_rate_hz, self._keeps_up = result.max_rate_hz, result.keeps_up
            self._state = state
            self._outcomes[record["outcome"]] += 1
            self._news.notify_all()

    def snapshot(self) -> Snapshot:
        """What is known now."""
        with self._news:
            outcomes = dict(self._outcomes)
            return Snapshot(
                self._version,
                tuple(self._records),
                self._partition,
                self._max_rate_hz,
                self._keeps_up,
                self._state,
                outcomes,
            )

    def wait(self, version: int | None, timeout_s: float) -> bool:
        """Waits until there is something newer than `version`, the view is closed, or the time is over.

        Returns:
            Whether there is something newer; never once the view is closed.
        """
        with self._news:
            self._news.wait_for(lambda: self._closed or self._version != version, timeout_s)
            return self._version != version and not self._closed

    def pause(self, timeout_s: float) -> None:
        """Waits, whatever the news are, but not beyond the view's closing."""
        with self._news:
            self._news.wait_for(lambda: self._closed, timeout_s)

    def close(self) -> None:
        """Ends all waiting."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing more comes."""
        with self._news:
            return self._closed
