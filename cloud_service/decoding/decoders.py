"""All decoder processes of a server: how many there may be, one that is ready in advance, and none left behind.

Laws:
    * At most `most` processes are in use; one more is refused. A spare one is kept only within that number.
    * A request that takes too long ends its process, and only that.
    * After `close` no process, pipe or thread is left.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor

from cloud_service.decoding.process import COMMAND, Answer, DecoderProcess
from cloud_service.errors import DecoderLostError, NoDecoderError
from cloud_service.log import log
from pictures.worker_messages import Request

__all__ = ["Decoders"]

WAIT_S = 10.0
"""Seconds after which a caller may ask again for a decoder, where all are in use."""


class Decoders:
    """The decoder processes of one server. It belongs to one event loop.

    Args:
        most: Processes in use at the same time; 0: packets are not accepted.
        command: Starts one.
    """

    def __init__(self, most: int, command: Sequence[str] = COMMAND) -> None:
        self._most = most
        self._command = tuple(command)
        self._in_use: set[DecoderProcess] = set()
        self._spare: DecoderProcess | None = None
        self._threads = ThreadPoolExecutor(2 * most + 1, thread_name_prefix="decoder")
        self._changes: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def in_use(self) -> int:
        """Processes that sessions use now."""
        return len(self._in_use)

    def prepare(self) -> None:
        """Start the spare process in the background, if there is none and may be one."""
        self._drop_dead_spare()
        if self._spare is None and len(self._in_use) < self._most and not self._closed:
            self._spare = DecoderProcess(self._command)
            self._change(self._started(self._spare))

    def take(self) -> DecoderProcess:
        """Return a process for a session; it may still have to start.

        Raises:
            NoDecoderError: All are in use, or packets are not accepted.
        """
        if not self._most:
            raise NoDecoderError("packets are not accepted here; expected the frame in another encoding")
        if len(self._in_use) >= self._most or self._closed:
            raise NoDecoderError(
                f"{len(self._in_use)} decoders are in use; expected at most {self._most} streams with packets",
                retry_after_s=WAIT_S,
            )
        self._drop_dead_spare()
        process, self._spare = self._spare or DecoderProcess(self._command), None
        self._in_use.add(process)
        self.prepare()
        return process

    async def ask(self, process: DecoderProcess, request: Request) -> Answer:
        """Ask a process for a frame.

        Raises:
            DecoderLostError: It failed, or took longer than the request allows.
        """
        asked = asyncio.get_running_loop().run_in_executor(self._threads, process.ask, request)
        try:
            async with asyncio.timeout(request.limit_s):
                return await asked
        except TimeoutError:
            process.kill()  # the thread that waits for it returns
            log.warning("decoder stopped", limit_s=request.limit_s, packets=len(request.packets))
            raise DecoderLostError(f"decoding took more than {request.limit_s:g} s") from None

    def release(self, process: DecoderProcess) -> None:
        """End a process that a session used."""
        process.kill()  # at once: a thread may be waiting for it
        self._in_use.discard(process)
        self._change(self._ended(process))

    async def close(self) -> None:
        """End all processes; return when nothing of them is left."""
        self._closed = True
        ending = [*self._in_use, *([self._spare] if self._spare else [])]
        self._spare = None
        self._in_use.clear()
        for process in ending:
            process.kill()
            self._change(self._ended(process))
        while self._changes:
            await asyncio.wait(self._changes)
        self._threads.shutdown()

    def _drop_dead_spare(self) -> None:
        if self._spare is not None and not self._spare.is_alive:
            self._change(self._ended(self._spare))
            self._spare = None

    def _change(self, change: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def _started(self, process: DecoderProcess) -> None:
        try:
            await self._in_thread(process.start)
        except DecoderLostError as error:
            log.warning("no spare decoder", reason=str(error))

    async def _ended(self, process: DecoderProcess) -> None:
        await self._in_thread(process.end)

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, call)
