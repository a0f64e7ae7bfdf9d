"""Replicas that start from a model file and start again whenever they end; remembers when each was up."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dads.children import Child

__all__ = ["Replica", "Stand", "StandError", "Up", "free_ports"]

_START_LIMIT_S = 120.0
_KEPT_LOG = 50


class StandError(Exception):
    """A replica did not start, or ended by itself; the message has its last log lines."""


@dataclass(slots=True)
class Up:
    """A time in which a replica took calls: from its word that it serves until the signal that ended it."""

    began_s: float
    ended_s: float = math.inf


class Replica:
    """A `dads cloud` at an address that stays, in one process after the other.

    Attributes:
        address: Where it listens.
        ups: The times in which it was up; the last may not have ended.
    """

    def __init__(self, name: str, port: int, model: Path, cache: Path) -> None:
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self.ups: list[Up] = []
        self._arguments = ["cloud", "--model", f"file:{model}", "--listen", self.address, "--threads", "1"]
        self._arguments += ["--cache-dir", str(cache), "--max-calls-per-client", "64", "--log-format", "json"]
        self._said: list[str] = []
        self._child: Child | None = None

    @property
    def is_up(self) -> bool:
        """Whether it takes calls."""
        return bool(self.ups) and self.ups[-1].ended_s == math.inf

    def end(self, number: signal.Signals) -> None:
        """Send it a signal that ends it; it counts as down from now on."""
        if self._child is not None and self.is_up:
            self.ups[-1].ended_s = time.monotonic()
            self._child.send(number)

    async def keep(self) -> None:
        """Run it again and again, until this is cancelled.

        Raises:
            StandError: It did not start, or ended without a signal.
        """
        while True:
            async with Child(self.name, self._arguments, self._heard) as child:
                self._child = child
                await self._serving(child)
                self.ups.append(Up(time.monotonic()))
                await child.wait()
                if self.is_up:
                    raise StandError(f"{self.name} ended by itself; it said: {' | '.join(self._said[-3:])}")

    async def _serving(self, child: Child) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_LIMIT_S):
                async for line in child.lines():
                    if line.startswith("serving "):
                        return
        raise StandError(f"{self.name} did not start; it said: {' | '.join(self._said[-3:])}")

    def _heard(self, line: str) -> None:
        self._said.append(line)
        del self._said[:-_KEPT_LOG]


class Stand:
    """An async context manager: entering starts the replicas; leaving ends them.

    Args:
        model: The model's file.
        count: How many replicas.
        folder: Each keeps in a folder of its own there what it would keep on a machine of its own.
    """

    def __init__(self, model: Path, count: int, folder: Path) -> None:
        self.replicas = [
            Replica(f"replica {number}", port, model, folder / f"replica-{number}")
            for number, port in enumerate(free_ports(count), 1)
        ]
        self._keeping: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._keeping = [asyncio.create_task(replica.keep(), name=replica.name) for replica in self.replicas]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def all_up(self) -> None:
        """Wait until every replica is up.

        Raises:
            StandError: One did not start.
        """
        while not all(replica.is_up for replica in self.replicas):
            self.check()
            await asyncio.sleep(0.1)

    def check(self) -> None:
        """Raise what ended a replica that nobody ended.

        Raises:
            StandError: One ended by itself, or did not start again.
        """
        for task in self._keeping:
            if task.done():
                task.result()

    @property
    def ups(self) -> Sequence[Up]:
        """The times in which any of the replicas was up."""
        return [up for replica in self.replicas for up in replica.ups]


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now, all different."""
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in listening]
