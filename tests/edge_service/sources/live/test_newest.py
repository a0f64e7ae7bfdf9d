import asyncio
import threading
from collections.abc import Iterator

import pytest

from edge_service.sources.errors import SourceLostError
from edge_service.sources.live.newest import newest
from edge_service.sources.pacing import Timed


class Pictures:
    """Gives a picture, an error or the end whenever the test says."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._go = threading.Semaphore(0)
        self._given: list[float | Exception | None] = []
        self.seen = 0

    def give(self, *items: float | Exception | None) -> None:
        self._given += items
        self._go.release(len(items))

    def stop(self) -> None:
        self.stopped.set()
        self._go.release()

    def play(self) -> Iterator[Timed[float]]:
        while self._go.acquire(timeout=20) and not self.stopped.is_set():
            item = self._given.pop(0)
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield Timed(item, item)
            self.seen += 1


async def seen(pictures: Pictures, count: int) -> None:
    async with asyncio.timeout(20):
        while pictures.seen < count:  # noqa: ASYNC110 - a thread's progress has no event
            await asyncio.sleep(0.001)
    await asyncio.sleep(0)


async def test_who_is_late_gets_the_newest_and_waits_for_the_next() -> None:
    pictures = Pictures()
    shots = newest(pictures, None)
    pictures.give(0.0)
    assert (await anext(shots)).item == 0
    pictures.give(1.0, 2.0, 3.0)
    await seen(pictures, 4)
    assert (await anext(shots)).item == 3
    waiting = asyncio.ensure_future(anext(shots))
    await asyncio.sleep(0)
    assert not waiting.done()
    pictures.give(4.0)
    assert (await waiting).item == 4
    await shots.aclose()
    assert pictures.stopped.is_set()


async def test_after_a_pause_the_newest_of_what_waited_in_the_network() -> None:
    pictures = Pictures()
    shots = newest(pictures, None)
    for number in (0.0, 0.1, 0.2):
        pictures.give(number)
        assert (await anext(shots)).item == number
    waiting = asyncio.ensure_future(anext(shots))
    pictures.give(1.5)
    await seen(pictures, 4)
    pictures.give(1.501)
    assert (await waiting).item == 1.501
    pictures.give(1.6)
    assert (await anext(shots)).item == 1.6
    await shots.aclose()


async def test_at_most_the_rate() -> None:
    pictures, taken = Pictures(), []
    shots = newest(pictures, 2.0)
    waiting = asyncio.ensure_future(anext(shots))
    for number in range(21):
        pictures.give(number / 10)
        await seen(pictures, number + 1)
        await asyncio.sleep(0.005)
        if waiting.done():
            taken.append(waiting.result().item)
            waiting = asyncio.ensure_future(anext(shots))
    assert taken == pytest.approx([0, 0.4, 0.9, 1.4, 1.9])
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_the_last_picture_comes_before_the_end() -> None:
    pictures = Pictures()
    pictures.give(0.0, None)
    assert [shot.item async for shot in newest(pictures, None)] == [0]


async def test_the_last_picture_comes_before_the_error() -> None:
    pictures = Pictures()
    pictures.give(0.0, SourceLostError("given up"))
    shots = newest(pictures, None)
    assert (await anext(shots)).item == 0
    with pytest.raises(SourceLostError, match="given up"):
        await anext(shots)


async def test_its_thread_ends_when_nobody_reads_any_more() -> None:
    pictures = Pictures()
    shots = newest(pictures, None)
    waiting = asyncio.ensure_future(anext(shots))
    await asyncio.sleep(0)
    (thread,) = [one for one in threading.enumerate() if one.name == "frame-source"]
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
