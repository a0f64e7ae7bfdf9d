"""The state that the live page shows: written by the agent's loop, read by the server's threads."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_service import FrameResult
from edge_service.control import ControllerState
from edge_service.frame_image import FrameImage
from partitioner import LayerGraph, Partition

__all__ = ["KEPT", "LiveView", "Seen", "Snapshot"]

KEPT = 60
"""Number of the last frames that are kept."""
_PICTURE_EVERY_S = 1.0


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
        picture: the frame whose picture can be shown, or None.
    """

    version: int
    records: tuple[Mapping[str, Any], ...]
    partition: Partition | None
    max_rate_hz: float | None
    keeps_up: bool | None
    state: ControllerState | None
    outcomes: Mapping[str, int]
    picture: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame's picture, and its line of `--results`."""

    record: Mapping[str, Any]
    content: FrameImage


class LiveView:
    """Keeps the last frames of a run; safe to use from several threads.

    Args:
        model: the model's name.
        graph: its layers.
        policy: the name of the policy.
        places: each layer's name for people, by its name.
        shows_frames: whether pictures may be shown; the page has no login.
        clouds: the clouds' addresses, in the order in which the controller counts them.
    """

    def __init__(
        self,
        model: str,
        graph: LayerGraph,
        policy: str,
        places: Mapping[str, str] | None = None,
        *,
        shows_frames: bool = True,
        clouds: Sequence[str] = (),
    ) -> None:
        self.clouds = clouds
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
        self._seen: Seen | None = None
        self._viewers = 0
        self._picture_due_s = -math.inf
        self._shows_frames = shows_frames
        self._closed = False

    def saw(
        self,
        record: Mapping[str, Any],
        result: FrameResult,
        state: ControllerState,
        content: FrameImage | None = None,
    ) -> None:
        """Takes a frame's result; it only keeps it, so it is cheap.

        Args:
            record: the frame as a record of `--results`; not changed afterwards.
            result: the frame's result; its tensors are not kept.
            state: the agent's estimates now.
            content: its picture, which is kept while somebody watches, until the next one.
        """
        with self._news:
            self._version += 1
            self._records.append(record)
            if result.partition is not None:
                self._partition = result.partition
                self._max_rate_hz, self._keeps_up = result.max_rate_hz, result.keeps_up
            self._state = state
            self._outcomes[record["outcome"]] += 1
            if content is not None and self.wants_pictures and result.outcome.has_result:
                self._seen = Seen(record, content)
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
                None if self._seen is None else self._seen.record["frame"],
            )

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Somebody watches within this context; pictures are kept only then."""
        with self._news:
            self._viewers += 1
        try:
            yield
        finally:
            with self._news:
                self._viewers -= 1
                if not self._viewers:
                    self._seen = None

    @property
    def wants_pictures(self) -> bool:
        """Whether somebody watches, and may see frames."""
        # Without the lock: it is asked for each frame, on the agent's loop.
        return self._shows_frames and self._viewers > 0

    def picks_picture(self, now_s: float) -> bool:
        """Whether the picture of the frame that begins now is to be kept: while somebody watches, one each second."""
        if not self.wants_pictures or now_s < self._picture_due_s:
            return False
        self._picture_due_s = now_s + _PICTURE_EVERY_S
        return True

    @property
    def seen(self) -> Seen | None:
        """The last frame with a result and a picture; None while nobody watches."""
        with self._news:
            return self._seen

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
