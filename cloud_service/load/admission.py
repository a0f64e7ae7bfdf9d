"""Who may compute, who waits, and who is refused: a bounded queue in front of a fixed number of threads.

Laws:
    * At most `max_concurrency` pieces of work run, at most `max_queue` wait, in order of arrival; one more is refused
      at once. The queue never grows.
    * One client has at most `max_per_client` of both together, so that it leaves places to the others.
    * Work whose deadline passes while it waits is not run.
    * Work whose caller is cancelled while it waits is not run. Once it runs, its thread cannot be stopped: its place
      is taken until it ends, whether or not anybody waits for it.
    * While draining, nothing new enters, and `idle` is reached when the last place is free.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cloud_service.errors import DrainingError, ExpiredError, OverloadedError

T = TypeVar("T")


class Admission:
    """Runs blocking work in a bounded number of threads, behind a bounded queue.

    Args:
        max_concurrency: Pieces of work that run at the same time, one thread each.
        max_queue: Pieces of work that may wait.
        max_bytes: Bytes that all of them, waiting or running, may hold.
        max_per_client: Pieces of work of one client, waiting or running; None: as many as there are places.
        initializer: Called once in each thread before its first work.
    """

    def __init__(
        self,
        *,
        max_concurrency: int,
        max_queue: int,
        max_bytes: int,
        max_per_client: int | None = None,
        initializer: Callable[[], None] = lambda: None,
    ) -> None:
        self._max_admitted = max_concurrency + max_queue
        self._max_bytes = max_bytes
        self._max_per_client = max_per_client or self._max_admitted
        self._by_client: Counter[str] = Counter()
        self._executor = ThreadPoolExecutor(max_concurrency, thread_name_prefix="tail", initializer=initializer)
        self._places = asyncio.Semaphore(max_concurrency)
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
        self, work: Callable[[], T], *, size_bytes: int = 0, timeout_s: float | None = None, client: str = ""
    ) -> T:
        """Wait for a place and run `work` in a thread.

        Args:
            work: A blocking call.
            size_bytes: What it holds in memory meanwhile.
            timeout_s: Seconds from now until nobody waits for it any more; None: no limit.
            client: Whose work it is.

        Raises:
            DrainingError: the server is shutting down.
            OverloadedError: the queue is full, or holds too much of this client's.
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
        # Shielded: a cancelled caller leaves at once, and the place is free when the thread is.
        return await asyncio.shield(running)

    def drain(self) -> None:
        """Refuse new work from now on; what is admitted goes on."""
        self._draining = True

    async def idle(self) -> None:
        """Wait until nothing waits or runs."""
        await self._idle.wait()

    def close(self) -> None:
        """Let go of the threads; work that has not begun is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _enter(self, size_bytes: int, client: str) -> None:
        if self._draining:
            raise DrainingError
        if self._admitted >= self._max_admitted:
            raise OverloadedError(
                f"{self._admitted} requests are waiting or computed; expected fewer than {self._max_admitted}"
            )
        if self._by_client[client] >= self._max_per_client:
            raise OverloadedError(
                f"{self._by_client[client]} requests of this client are waiting or computed; "
                f"expected fewer than {self._max_per_client}"
            )
        if self._admitted and self._bytes + size_bytes > self._max_bytes:
            raise OverloadedError(f"{self._bytes} bytes of requests are held; expected at most {self._max_bytes}")
        self._admitted += 1
        self._by_client[client] += 1
        self._bytes += size_bytes
        self._idle.clear()

    async def _take_place(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                if timeout_s is not None and timeout_s <= 0:
                    await asyncio.sleep(0)  # a free place is taken without waiting, and so without seeing the timeout
                await self._places.acquire()
        except TimeoutError:
            raise ExpiredError("the deadline passed while the request was queued; it was not computed") from None

    def _finished(self, size_bytes: int, client: str) -> None:
        self._places.release()
        self._leave(size_bytes, client)

    def _leave(self, size_bytes: int, client: str) -> None:
        self._admitted -= 1
        self._by_client[client] -= 1
        if not self._by_client[client]:
            del self._by_client[client]
        self._bytes -= size_bytes
        if not self._admitted:
            self._idle.set()
