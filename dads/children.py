"""Commands of `dads` as child processes whose output is read line by line."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Self

__all__ = ["Child"]

_LINE_LIMIT = 4 * 1024 * 1024
_GRACE_S = 15.0


class Child:
    """`dads ARGUMENTS` in a process of its own; an async context manager that ends it on leaving.

    Args:
        name: its name in messages.
        arguments: the arguments of `dads`.
        on_message: called with each line on stderr, as it is printed.
        prefix: a command that runs it, such as `ip netns exec NAME`.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], on_message: Callable[[str], None], *, prefix: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._on_message = on_message
        self._prefix = prefix
        self._messages: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Starts the process."""
        self._process = await asyncio.create_subprocess_exec(
            *self._prefix,
            sys.executable,
            "-m",
            "dads",
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
        )
        self._messages = asyncio.create_task(self._read_messages(), name=f"{self.name}-messages")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Sends SIGTERM; kills the process if it does not end in time, or if this wait is cancelled."""
        process = self._started()
        if process.returncode is None:
            process.terminate()
        rest = asyncio.create_task(self._read_rest())  # a full pipe would keep it from ending
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE_S)
        finally:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(rest, self.wait())

    def lines(self) -> AsyncIterator[str]:
        """The lines that it prints on stdout."""
        return self._read(self._started().stdout)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._started().pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._started().returncode is not None

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process; does nothing if it has ended."""
        process = self._started()
        if process.returncode is None:
            process.send_signal(number)

    async def wait(self) -> int:
        """Waits for the end of the process and its last message; returns the exit code."""
        if self._messages is not None:
            await self._messages
        return await self._started().wait()

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process

    async def _read_messages(self) -> None:
        async for line in self._read(self._started().stderr):
            self._on_message(line)

    async def _read_rest(self) -> None:
        async for _ in self.lines():
            pass

    @staticmethod
    async def _read(pipe: asyncio.StreamReader | None) -> AsyncIterator[str]:
        while pipe is not None and (line := await pipe.readline()):
            yield line.decode(errors="replace").rstrip("\n")
