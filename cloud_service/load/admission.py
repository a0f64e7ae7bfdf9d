"""Admission: a bounded queue in front of a fixed number of threads, and of the event loop for what is cheap.

Laws:
    * At most `max_concurrency` pieces of work run, and at most `max_queue` wait, in order of arrival; one more is
      refused at once.
    * Cheap work runs in turns on the event loop, each of which takes one of the `max_concurrency` places, in line with
      the threads. It counts in all limits; where one is reached, it is not taken there, and `run` tells which.
    * One client has at most its share of pieces of work, waiting or running, so that others find places (`shares`).
    * Work whose deadline passes while it waits is not run.
    * Work whose caller is cancelled while it waits is not run. A running thread cannot be stopped, so running work
      keeps its place until it ends, even if its caller is cancelled.
    * While draining, new work is refused; `idle` returns when no work waits or runs.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cloud_service.errors import DrainingError, ExpiredError, OverloadedError
from cloud_service.load.places import Places
from cloud_service.load.shares import NOBODY, Client, Shares
from cloud_service.load.turns import Turns

T = TypeVar("T")

EXPIRED = "the deadline passed while the request was queued; it was not computed"


class Admission:
    """Runs blocking work in a bounded number of threads, behind a bounded queue.

    Args:
        max_concurrency: Pieces of work that may run at the same time, each in one thread.
        max_queue: Pieces of work that may wait.
        max_bytes: Bytes that all work, waiting or running, may hold; a single piece may hold more.
        max_per_client: Pieces of work of one client, waiting or running; None: `max_concurrency` + `max_queue`.
        max_per_address: The same of one address that edges share; None: as `max_per_client`.
        initializer: Called once in each thread before its first work.
    """

    def __init__(
        self,
        *,
        max_concurrency: int,
        max_queue: int,
        max_bytes: int,
        max_per_client: int | None = None,
        max_per_address: int | None = None,
        initializer: Callable[[], None] = lambda: None,
    ) -> None:
        self._max_admitted = max_concurrency + max_queue
        self._max_bytes = max_bytes
        per_client = max_per_client or self._max_admitted
        self._shares = Shares(
            per_client=per_client,
            per_address=max_per_address or per_client,
            text="{held} requests of {who} are waiting or computed",
            option="--max-tails-per-client",
            retry_after_s=OverloadedError.QUEUE_WAIT_S,
        )
        self._executor = ThreadPoolExecutor(max_concurrency, thread_name_prefix="tail", initializer=initializer)
        self._places = Places(max_concurrency)
        self._turns = Turns(self._places)
        self._admitted = 0
        self._bytes = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def admitted(self) -> int:
        """Pieces of work that wait or run now."""
        return self._admitted

    @property
    def draining(self) -> bool:
        """Whether new work is refused because the server is shutting down."""
        return self._draining

    async def run(
        self, work: Callable[[], T], *, size_bytes: int = 0, timeout_s: float | None = None, client: Client = NOBODY
    ) -> T:
        """Wait for a place and run `work` in a thread.

        Args:
            work: A blocking call.
            size_bytes: Bytes that it holds in memory while it waits or runs.
            timeout_s: Seconds from now until the caller's deadline; None: no limit.
            client: Whose work it is.

        Raises:
            DrainingError: the server is shutting down.
            OverloadedError: a limit of requests, of this client's requests or of bytes is reached.
            ExpiredError: the deadline passed before the work began.
        """
        self._enter(size_bytes, client)
        running: asyncio.Future[T] | None = None
        try:
            await self._take_place(timeout_s)
            running = asyncio.get_running_loop().run_in_executor(self._executor, work)
            running.add_done_callback(lambda _: self._finished(size_bytes, client))
        finally:
            if running is None:
                self._leave(size_bytes, client)
        # Shielded: a cancelled caller returns at once, but the place stays taken until the thread is done.
        return await asyncio.shield(running)

    def lag_s(self, now_s: float) -> float:
        """Seconds that work which comes to `run_here` now may have waited for the event loop before."""
        return self._turns.lag_s(now_s)

    def run_here(self, work: Callable[[], None], *, size_bytes: int, client: Client) -> bool:
        """Run cheap work on the event loop, now or soon, if no limit is in the way.

        Args:
            work: What takes about a millisecond at most, and does not raise.
            size_bytes: As of `run`.
            client: Likewise.

        Returns:
            Whether it was taken; if not, it is one for `run`.
        """
        if self._draining or self._refusal(size_bytes, client):
            return False
        self._hold(size_bytes, client)

        def counted() -> None:
            try:
                work()
            finally:
                self._leave(size_bytes, client)

        self._turns.add(counted)
        return True

    def drain(self) -> None:
        """Refuse new work from now on; admitted work continues."""
        self._draining = True

    async def idle(self) -> None:
        """Wait until nothing waits or runs."""
        await self._idle.wait()

    def close(self) -> None:
        """Shut the threads down without waiting; work that has not begun is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _enter(self, size_bytes: int, client: Client) -> None:
        if self._draining:
            raise DrainingError
        refusal = self._refusal(size_bytes, client)
        if refusal:
            raise OverloadedError(refusal)
        self._hold(size_bytes, client)

    def _refusal(self, size_bytes: int, client: Client) -> str:
        """Why work cannot be admitted; empty if it can."""
        if self._admitted >= self._max_admitted:
            return f"{self._admitted} requests are waiting or computed; expected fewer than {self._max_admitted}"
        if self._admitted and self._bytes + size_bytes > self._max_bytes:
            return f"{self._bytes} bytes of requests are held; expected at most {self._max_bytes}"
        return self._shares.why_not(client, time.monotonic())

    def _hold(self, size_bytes: int, client: Client) -> None:
        self._shares.hold(client)
        self._admitted += 1
        self._bytes += size_bytes
        self._idle.clear()

    async def _take_place(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                if timeout_s is not None and timeout_s <= 0:
                    await asyncio.sleep(0)  # acquiring a free place does not suspend, so the timeout could not fire
                await self._places.take()
        except TimeoutError:
            raise ExpiredError(EXPIRED) from None

    def _finished(self, size_bytes: int, client: Client) -> None:
        self._places.give_back()
        self._leave(size_bytes, client)

    def _leave(self, size_bytes: int, client: Client) -> None:
        self._admitted -= 1
        self._shares.give_back(client)
        self._bytes -= size_bytes
        if not self._admitted:
            self._idle.set()
