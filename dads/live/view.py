"""The state that the live page shows: written by the agent's loop, read by the server's threads."""

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
"""Number of the last frames that are kept."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at one moment.

    Attributes:
        version: grows with every frame; 0 before the first.
        records: the last frames as records of `--results`, the oldest first.
        partition: the split of the last frame that was started, or None.
        max_rate_hz: the rate that could be sustained when it was started, or None.
        keeps_up: whether the split was expected to keep up with the frames, or None.
        state: the agent's estimates of link and load, or None before the first frame.
        outcomes: number of frames by outcome, since the start.
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
        policy: the name of the policy.
        places: each layer's name for people, by its name.
    """

    def __init__(self, model: str, graph: LayerGraph, policy: str, places: Mapping[str, str] | None = None) -> None:
        self.model = model
        self.graph = graph
        self.policy = policy
        self.places = places or {}
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
        """Takes a frame's result; it only keeps it, so it is cheap.

        Args:
            record: the frame as a record of `--results`; not changed afterwards.
            result: the frame's result; its tensors are not kept.
            state: the agent's estimates now.
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
        """The state now."""
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
        """Waits for a state newer than `version`, for the closing of the view, or for the timeout.

        Returns:
            Whether there is a newer state; False once the view is closed.
        """
        with self._news:
            self._news.wait_for(lambda: self._closed or self._version != version, timeout_s)
            return self._version != version and not self._closed

    def pause(self, timeout_s: float) -> None:
        """Waits for the timeout or for the closing of the view."""
        with self._news:
            self._news.wait_for(lambda: self._closed, timeout_s)

    def close(self) -> None:
        """Ends all waiting."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the view is closed."""
        with self._news:
            return self._closed
