"""A TCP server on an event loop in a thread of its own, which can refuse and hang up on command."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

__all__ = ["ThreadedServer"]

_LIMIT_S = 10.0

Attend = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class ThreadedServer:
    """Serves until `stop`. Its methods may be called from any other thread, and return when it is done.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one, which then stays.
        attend: Talks with a client until it is gone; OSError and IncompleteReadError end that.
        beside: What else runs on the loop, from the start to the end.

    Attributes:
        port: The port.
    """

    def __init__(self, host: str, port: int, attend: Attend, beside: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.port = port
        self._host = host
        self._attend = attend
        self._beside = beside
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._live, name="camera", daemon=True)

    def start(self) -> None:
        """Begin to serve.

        Raises:
            OSError: The address cannot be used.
        """
        self._thread.start()
        self._ready.wait()
        self._raise_problem()

    def stop(self) -> None:
        """Close all connections and end.

        Raises:
            Exception: What ran beside has failed.
        """
        if self._stop is not None and self._problem is None:
            self.do(self._stop.set)
        self._thread.join(_LIMIT_S)
        self._raise_problem()

    def do(self, function: Callable[[], object]) -> None:
        """Call a function on the loop."""

        async def call() -> None:
            function()

        self._wait(call())

    def refuse(self) -> None:
        """Refuse new connections."""
        self.do(self._close_server)

    def accept(self) -> None:
        """Accept connections again, on the same port."""
        self._wait(self._listen())

    def hang_up(self, *, reset: bool = False) -> None:
        """Close all connections at once.

        Args:
            reset: Whether by RST.
        """
        self.do(lambda: self._hang_up(reset=reset))

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            work.close()
            raise RuntimeError("the camera is not running; expected `with camera:`")
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_LIMIT_S)

    def _live(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:  # noqa: BLE001 # raised again where it was started
            self._problem = error
        finally:
            self._ready.set()

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise self._problem

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._listen()
        beside = asyncio.create_task(self._beside())
        stopped = asyncio.create_task(self._stop.wait())
        self._ready.set()
        await asyncio.wait({beside, stopped}, return_when=asyncio.FIRST_COMPLETED)
        self._close_server()
        self._hang_up(reset=False)
        if beside.done():
            beside.result()  # raises what ended it

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self._host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._attend(reader, writer)
        finally:
            self._connections.discard(writer)
            writer.close()

    def _hang_up(self, *, reset: bool) -> None:
        for writer in list(self._connections):
            if reset:
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
