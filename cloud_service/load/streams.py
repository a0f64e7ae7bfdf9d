"""One StreamTails call: many frames, one response to each, and heartbeats.

Laws:
    * Every request read gets exactly one response with its frame id. A frame that fails is answered with its status,
      and the stream continues.
    * At most `max_frames` requests are unanswered. At the limit reading pauses, and HTTP/2's flow control slows the
      sender; a caller that reads its answers slowly is slowed likewise.
    * What announces a response is written right before it, with nothing in between: its arrival begins the download.
    * A heartbeat is sent at once and then after every pause, whatever else is sent; `pace` has the rule of the pauses.
    * After the caller's last request, or after `finish`, the stream ends when every request read is answered. When the
      call is cancelled, the work of its frames is cancelled too.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from cloud_service.load.pace import Pace

Request = TypeVar("Request")
Response = TypeVar("Response")


class FrameStream(Generic[Request, Response]):
    """The traffic of one stream, for requests and responses of any type.

    Args:
        answer: Returns the response to one request. Must not raise for a bad request.
        answer_here: Whether a request needs no task: then it calls `reply` once, now or later, unless the stream is
            over by then. It is asked first.
        heartbeat: Returns a heartbeat, given the seconds until the next one at the latest.
        announce: Returns what is to be written before a response; None for nothing.
        write: Sends one response; the stream waits for each call before the next.
        max_frames: Requests that may be unanswered.
        pace: The pauses between heartbeats.

    Attributes:
        is_over: Whether no answer is of use any more.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Request], Awaitable[Response]],
        answer_here: "Callable[[Request, FrameStream[Request, Response]], bool]" = lambda _request, _stream: False,
        heartbeat: Callable[[float], Response],
        announce: Callable[[Response], Response | None],
        write: Callable[[Response], Awaitable[None]],
        max_frames: int,
        pace: Pace,
    ) -> None:
        self._answer = answer
        self._answer_here = answer_here
        self._answers: deque[Response] = deque()
        self._unanswered = 0
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self.is_over = False
        self._heartbeat = heartbeat
        self._announce = announce
        self._write = write
        self._writing = asyncio.Lock()
        self._slots = asyncio.Semaphore(max_frames)
        self._pace = pace
        self._frames = pace.frames
        self._reading: asyncio.Task[None] | None = None

    async def serve(self, requests: AsyncIterator[Request]) -> None:
        """Answer requests until there are no more, or `finish` is called; return when all read ones are answered."""
        try:
            async with asyncio.TaskGroup() as tasks:
                beating, writing = tasks.create_task(self._beat()), tasks.create_task(self._write_answers())
                async with asyncio.TaskGroup() as frames:
                    self._reading = frames.create_task(self._read(requests, frames))
                while self._unanswered:
                    self._settled.clear()
                    await self._settled.wait()
                beating.cancel()
                writing.cancel()
        finally:
            self.is_over = True
            self._frames.end(self._unanswered)

    def finish(self) -> None:
        """Read no more requests; `serve` returns when those that were read are answered."""
        if self._reading:
            self._reading.cancel()

    def reply(self, response: Response) -> None:
        """Answer a request that `answer_here` has taken."""
        self._answers.append(response)
        self._news.set()

    async def _read(self, requests: AsyncIterator[Request], frames: asyncio.TaskGroup) -> None:
        # The slot is acquired before the read, so that a full stream leaves the next request in the transport.
        await self._slots.acquire()
        async for request in requests:
            self._frames.begin()
            self._unanswered += 1
            if not self._answer_here(request, self):
                frames.create_task(self._serve_one(request))
            await self._slots.acquire()

    async def _serve_one(self, request: Request) -> None:
        self.reply(await self._answer(request))

    async def _write_answers(self) -> None:
        """One task writes all answers, so that a frame which waits for nothing needs none of its own."""
        while True:
            while self._answers:
                await self._send(self._answers.popleft())
                self._unanswered -= 1
                self._frames.end()
                self._slots.release()
            self._settled.set()
            self._news.clear()
            await self._news.wait()

    async def _beat(self) -> None:
        while True:
            await self._send(self._heartbeat(self._pace.next_s()))
            await self._pace.passed()

    async def _send(self, response: Response) -> None:
        async with self._writing:
            announcement = self._announce(response)
            if announcement is not None:
                await self._write(announcement)
            await self._write(response)
