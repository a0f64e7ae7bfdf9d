"""A cloud and an edge as real processes with an emulated link between them; records each frame's result."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from chaos import clip, small_model
from dads.children import Child
from link_emulator import LinkEmulator, Trace

__all__ = ["Seen", "World", "WorldError", "WorldOptions"]

_START_LIMIT_S = 120.0
_EDGE_SEED, _WRONG_SEED = 1, 2


class WorldError(Exception):
    """An expected event did not happen in time, or a process ended by itself; the message has the last log lines."""


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """The conditions without faults.

    Attributes:
        rate_hz: Frames a second.
        slowdown: The edge's slowdown; large enough that offloading pays while the link is good.
        uplink_bps: The link's rate to the cloud.
        downlink_bps: The link's rate from the cloud.
        delay_s: The link's one-way delay.
        side: Width and height of the model's pictures; a frame has 3 side^2 bytes.
        arguments: Additional arguments of `dads edge`.
        spec: Another model, of which there is no wrong twin.
        source: Another source; None: a clip of noise.
    """

    rate_hz: float = 10.0
    slowdown: float = 20.0
    uplink_bps: float = 20e6
    downlink_bps: float = 50e6
    delay_s: float = 0.005
    side: int = small_model.SIDE
    arguments: tuple[str, ...] = ()
    spec: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame's line of `--results`, and when it was read."""

    at_s: float
    line: dict[str, Any]

    @property
    def outcome(self) -> str:
        """How the frame ended."""
        return str(self.line["outcome"])


class World:
    """An async context manager: entering starts the link, the edge and the cloud; leaving ends them.

    Args:
        folder: The folder for the model, the clip and the report.
        options: The conditions without faults.
        verify: Whether the edge compares each result with the whole model's, at its end.

    Attributes:
        link: The link.
        cloud: The cloud's process; None while there is none.
        edge: The edge's process.
        frames: The frames' results so far.
        edge_said: The edge's log events, each with the time when it was read.
    """

    link: LinkEmulator
    edge: Child

    def __init__(self, folder: Path, options: WorldOptions | None = None, *, verify: bool = True) -> None:
        self.options = options or WorldOptions()
        self._verify = verify
        self.cloud: Child | None = None
        self.frames: list[Seen] = []
        self.edge_said: list[tuple[float, dict[str, Any]]] = []
        self._cloud_said: list[str] = []
        self._folder = folder
        self._port = 0
        self._more = asyncio.Event()
        self._stack = contextlib.AsyncExitStack()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            await self._end_cloud()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        await self._end_cloud()

    async def _start(self) -> None:
        options = self.options
        source = options.source or str(self._folder / "clip.mp4")
        if options.source is None:
            clip.write(self._folder / "clip.mp4")
        self._write_model(_EDGE_SEED)
        self._port = _free_port()
        self.link = await self._stack.enter_async_context(
            LinkEmulator(
                f"127.0.0.1:{self._port}",
                uplink=Trace.constant(options.uplink_bps),
                downlink=Trace.constant(options.downlink_bps),
                delay_s=options.delay_s,
            )
        )
        arguments = ["edge", "--model", self.spec, "--cloud", self.link.address, "--results", "-"]
        arguments += ["--verify"] if self._verify else []
        arguments += ["--source", source, "--rate", f"{options.rate_hz:g}", "--threads", "1"]
        arguments += ["--edge-slowdown", f"{options.slowdown:g}", "--report", str(self._folder / "report.json")]
        arguments += ["--log-format", "json", "--loop", *options.arguments]
        self.edge = await self._stack.enter_async_context(Child("edge", arguments, self._heard_edge))
        self._reading = asyncio.create_task(self._read(), name="results")
        self._stack.push_async_callback(self._end_reading)
        await self.start_cloud()  # while the edge starts

    @property
    def spec(self) -> str:
        """The model's spec, which is also its name on both sides."""
        return self.options.spec or f"file:{self._folder / 'model.pt2'}"

    async def start_cloud(self, *, wrong_twin: bool = False) -> None:
        """Start a cloud, always on the same port; returns when it serves.

        Args:
            wrong_twin: Whether to serve other weights under the same name.

        Raises:
            WorldError: It did not start in time.
        """
        await self._end_cloud()
        self._write_model(_WRONG_SEED if wrong_twin else _EDGE_SEED)
        listen = ["--listen", f"127.0.0.1:{self._port}", "--threads", "1"]
        child = Child("cloud", ["cloud", "--model", self.spec, *listen], self._cloud_said.append)
        self.cloud = await child.__aenter__()
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                async for line in child.lines():
                    if line.startswith("serving "):
                        return
        except TimeoutError:
            pass
        raise WorldError(f"the cloud did not start; it said: {self._cloud_said[-10:]}")

    async def kill_cloud(self) -> None:
        """Kill the cloud with SIGKILL; returns when its process has ended."""
        if self.cloud is not None:
            self.cloud.send(signal.SIGKILL)
            await self.cloud.wait()

    async def frame(self, fits: Callable[[Seen], bool], *, since: int | None = None, limit_s: float = 60.0) -> Seen:
        """Wait for a frame that `fits`, from number `since` on (None: from the next frame on).

        Raises:
            WorldError: None came in time, or the edge ended.
        """
        place = len(self.frames) if since is None else since
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    while place < len(self.frames):
                        if fits(self.frames[place]):
                            return self.frames[place]
                        place += 1
                    if self._reading is None or self._reading.done():
                        raise WorldError(f"the edge ended; it said: {self.last_words()}")
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            last = [frame.outcome for frame in self.frames[-5:]]
            raise WorldError(f"no such frame within {limit_s:g} s; last: {last}; {self.last_words()}") from None

    async def offloaded(self, *, limit_s: float = 60.0) -> Seen:
        """Wait for the next frame that is offloaded."""
        return await self.frame(lambda frame: frame.outcome == "offloaded", limit_s=limit_s)

    async def said(self, fits: Callable[[dict[str, Any]], bool], *, since_s: float, limit_s: float = 60.0) -> float:
        """Wait until the edge logs an event that `fits`, at `since_s` or later; returns the event's time.

        Raises:
            WorldError: The edge did not log it in time.
        """
        deadline_s = time.monotonic() + limit_s
        while True:
            for at_s, event in self.edge_said:
                if at_s >= since_s and fits(event):
                    return at_s
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise WorldError(f"the edge logged no such event within {limit_s:g} s; {self.last_words()}")
            self._more.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), left_s)

    async def finish(self, *, limit_s: float = 600.0) -> tuple[int, dict[str, Any]]:
        """End the edge with SIGTERM; returns its exit code and its report.

        Raises:
            WorldError: It did not end in time, or wrote no report.
        """
        self.edge.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(limit_s):
                code = await self.edge.wait()
                if self._reading is not None:
                    await self._reading
        except TimeoutError:
            raise WorldError(f"the edge did not end within {limit_s:g} s; {self.last_words()}") from None
        report = self._folder / "report.json"
        if not report.exists():
            raise WorldError(f"the edge ended with {code} and left no report; {self.last_words()}")
        return code, json.loads(report.read_text(encoding="utf-8"))

    def last_words(self) -> str:
        """The last log lines of the edge and of the cloud."""
        return f"edge: {[event for _, event in self.edge_said[-5:]]}; cloud: {self._cloud_said[-5:]}"

    def _write_model(self, seed: int) -> None:
        if self.options.spec is not None:
            return
        # Replaced atomically, because the other side may be reading it.
        small_model.write(self._folder / "new.pt2", seed, self.options.side)
        (self._folder / "new.pt2").replace(self._folder / "model.pt2")

    def _heard_edge(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            event = {"event": line}
        self.edge_said.append((time.monotonic(), event))
        self._more.set()

    async def _read(self) -> None:
        async for line in self.edge.lines():
            self.frames.append(Seen(time.monotonic(), json.loads(line)))
            self._more.set()
        self._more.set()

    async def _end_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _end_cloud(self) -> None:
        cloud, self.cloud = self.cloud, None
        if cloud is not None:
            cloud.send(signal.SIGCONT)  # a stopped process would not handle the signal that ends it
            await cloud.__aexit__()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
