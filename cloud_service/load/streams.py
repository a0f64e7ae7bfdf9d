"""One StreamTails call: many frames in, one answer to each, a heartbeat all along.

Laws:
    * Every request read gets exactly one response that carries its frame id. A frame that fails is answered with its
      status; the stream goes on.
    * At most `max_frames` are unanswered at a time. Reading pauses there, so that the sender feels it through HTTP/2's
      flow control, and a reader too slow for its answers slows its own requests down.
    * A heartbeat is sent at once and then at every interval, whatever else is sent.
    * When the caller has sent its last request, or the server wants to finish, the stream ends after the last answer to
      what was read. When the call is cancelled, so is the work of its frames.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")


class FrameStream(Generic[Request, Response]):
    """The traffic of one stream; what a frame or a heartbeat is, is the caller's business.

    Args:
        answer: Makes the response to one request. Must not raise for a bad request.
        heartbeat: Makes a heartbeat.
        write: Sends one response; never called twice at a time.
        max_frames: Requests that may be unanswered.
        interval_s: Between two heartbeats.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Request], Awaitable[Response]],
        heartbeat: Callable[[], Response],
        write: Callable[[Response], Awaitable[None]],
        max_frames: int,
        interval_s: float,
    ) -> None:
        self._answer = answer
        self._heartbeat = heartbeat
        self._write = write
        self._writing = asyncio.Lock()
        self._slots = asyncio.Semaphore(max_frames)
        self._interval_s = interval_s
        self._reading: asyncio.Task[None] | None = None

    async def serve(self, requests: AsyncIterator[Request]) -> None:
        """Answer every request, until there are no more or `finish` is called, and all that were read are answered."""
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(self._beat())
            async with asyncio.TaskGroup() as frames:
                self._reading = frames.create_task(self._read(requests, frames))
            beating.cancel()

    def finish(self) -> None:
        """Read no more; `serve` returns when what was read is answered."""
        if self._reading:
            self._reading.cancel()

    async def _read(self, requests: AsyncIterator[Request], frames: asyncio.TaskGroup) -> None:
        # A slot before the read: a full stream leaves the next request in the transport.
        await self._slots.acquire()
        async for request in requests:
            frames.create_task(self._serve_one(request))
            await self._slots.acquire()

    async def _serve_one(self, request: Request) -> None:
        try:
            await self._send(await self._answer(request))
        finally:
            self._slots.release()

    async def _beat(self) -> None:
        while True:
            await self._send(self._heartbeat())
            await asyncio.sleep(self._interval_s)

    async def _send(self, response: Response) -> None:
        async with self._writing:
            await self._write(response)
