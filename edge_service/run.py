"""One run: submits a source's frames to an agent, and passes the results to report and verification."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from edge_service.agent import Agent
from edge_service.frame import FrameResult
from edge_service.frame_image import FrameImage
from edge_service.output.report import RunReport
from edge_service.output.verify import Verifier
from edge_service.sources import Frame

__all__ = ["ClipRun", "Shown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a frame shows: its time in the source in seconds, and its picture, if it has one."""

    source_s: float
    content: FrameImage | None


class ClipRun:
    """Submits the frames of one run and distributes the results.

    Args:
        report: receives each result.
        on_result: called with each result in order, and with what its frame shows.
        verifier: receives each result; None: no verification.
        keeps_pixels: asked for each frame whether somebody wants its picture; if not, the picture is let go at once.
        room: awaited before each frame, so that who takes the results can hold the source up.
    """

    def __init__(
        self,
        report: RunReport,
        *,
        on_result: Callable[[FrameResult, Shown], None],
        verifier: Verifier | None = None,
        keeps_pixels: Callable[[], bool] = lambda: False,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.report = report
        self._on_result = on_result
        self._verifier = verifier
        self._keeps_pixels = keeps_pixels
        self._room = room
        self._shown: dict[int, Shown] = {}

    def took(self, result: FrameResult) -> None:
        """Distributes a result; to be passed to the agent as `on_result`."""
        self.report.add(result, time.monotonic())
        if self._verifier is not None:
            self._verifier.add(result)
        self._on_result(result, self._shown.pop(result.frame_id))

    async def stream(self, agent: Agent, source: AsyncIterator[Frame]) -> None:
        """Submits every frame of the source; returns when the source ends, before the last results."""
        async for frame in source:
            if self._room is not None:
                await self._room()
            frame.content.keeps_picture = self._keeps_pixels()
            self._shown[agent.next_id] = Shown(frame.source_s, frame.content)
            agent.put(frame.content)
