"""A `dads edge` that reads a camera: its results as they come, its log and its report."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from chaos.camera_runs.figures import Line
from dads.children import Child

__all__ = ["EdgeError", "WatchedEdge"]

_KEPT_LOG = 2000


class EdgeError(Exception):
    """The edge ended by itself or did not do in time what was expected; the message has its last log lines."""


class WatchedEdge:
    """An async context manager that runs `dads edge`.

    Args:
        name: Its name in messages.
        arguments: Its arguments, without those for results, report and log.
        folder: The folder for its report.
        prefix: A command that runs it, such as `ip netns exec NAME`.

    Attributes:
        lines: The frames' results so far.
        log: The last lines of its log, as JSON.
    """

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, *, prefix: Sequence[str] = ()) -> None:
        self.lines: list[Line] = []
        self.log: list[str] = []
        self._report = folder / f"{name}.json"
        arguments = ["edge", *arguments, "--results", "-", "--report", str(self._report), "--log-format", "json"]
        self._child = Child(name, arguments, self._heard, prefix=prefix)
        self._more = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._child.__aenter__()
        self._reading = asyncio.create_task(self._read(), name="results")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._child.__aexit__()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._child.ended

    async def line(self, fits: Callable[[Line], bool], *, since: int, limit_s: float) -> Line | None:
        """Wait for a frame that `fits`, from place `since` of `lines` on; None if none came in time.

        Raises:
            EdgeError: The edge ended.
        """
        place = since
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while True:
                    while place < len(self.lines):
                        if fits(self.lines[place]):
                            return self.lines[place]
                        place += 1
                    if self._reading is None or self._reading.done():
                        raise EdgeError(f"the edge ended by itself; it said: {self.last_words()}")
                    self._more.clear()
                    await self._more.wait()
        return None

    async def finish(self, *, limit_s: float = 120.0) -> tuple[int, dict[str, Any]]:
        """End it with SIGTERM, unless it has ended; returns its exit code and its report, empty if there is none."""
        self._child.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(limit_s):
                code = await self._child.wait()
                if self._reading is not None:
                    await self._reading
        except TimeoutError:
            raise EdgeError(f"the edge did not end within {limit_s:g} s; it said: {self.last_words()}") from None
        return code, json.loads(self._report.read_text(encoding="utf-8")) if self._report.exists() else {}

    def last_words(self) -> str:
        """The last lines of its log."""
        return " | ".join(self.log[-3:])

    def _heard(self, line: str) -> None:
        self.log.append(line)
        del self.log[:-_KEPT_LOG]

    async def _read(self) -> None:
        async for line in self._child.lines():
            self.lines.append(Line(time.monotonic(), json.loads(line)))
            self._more.set()
        self._more.set()
