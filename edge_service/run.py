"""One run: submits a source's frames to an agent, and passes the results to report and verification."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

from edge_service.agent import Agent
from edge_service.frame import FrameResult
from edge_service.output.report import RunReport
from edge_service.output.verify import Verifier
from edge_service.sources import Frame

__all__ = ["ClipRun"]


class ClipRun:
    """Submits the frames of one run and distributes the results.

    Args:
        report: receives each result.
        on_result: called with each result in order, and with the frame's time in the source in seconds.
        verifier: receives each result; None: no verification.
    """

    def __init__(
        self,
        report: RunReport,
        *,
        on_result: Callable[[FrameResult, float], None],
        verifier: Verifier | None = None,
    ) -> None:
        self.report = report
        self._on_result = on_result
        self._verifier = verifier
        self._source_s: dict[int, float] = {}

    def took(self, result: FrameResult) -> None:
        """Distributes a result; to be passed to the agent as `on_result`."""
        self.report.add(result, time.monotonic())
        if self._verifier is not None:
            self._verifier.add(result)
        self._on_result(result, self._source_s.pop(result.frame_id))

    async def stream(self, agent: Agent, source: AsyncIterator[Frame]) -> None:
        """Submits every frame of the source; returns when the source ends, before the last results."""
        async for frame in source:
            self._source_s[agent.next_id] = frame.source_s
            agent.put(frame.image)
