"""Work in the background: in order, all of it or the newest of it, and errors come back."""

import asyncio
import gc
import threading
import weakref

import pytest

from edge_service.output.background import Background

LIMIT_S = 20.0


class Gate:
    """Work that begins when the test lets it."""

    def __init__(self):
        self.done, self.begun = [], threading.Semaphore(0)
        self._go = threading.Semaphore(0)

    def work(self, item):
        self.begun.release()
        assert self._go.acquire(timeout=LIMIT_S)
        self.done.append(item)

    def let(self, count):
        self._go.release(count)

    def wait_until_begun(self):
        assert self.begun.acquire(timeout=LIMIT_S)


def test_everything_is_done_in_order_before_it_closes():
    done = []
    background = Background("work", done.append, most=3)
    for number in range(50):
        background.put(number)
    background.close()
    assert done == list(range(50))
    assert background.skipped == 0


def test_the_oldest_that_wait_are_skipped_and_counted():
    gate = Gate()
    background = Background("work", gate.work, most=2, skips=True)
    background.put(0)
    gate.wait_until_begun()  # 0 does not wait any longer
    for number in (1, 2, 3, 4):
        background.put(number)
    gate.let(3)
    background.close()
    assert gate.done == [0, 3, 4]
    assert background.skipped == 2


async def test_room_is_there_when_fewer_wait():
    gate = Gate()
    background = Background("work", gate.work, most=2)
    await background.room()
    background.put(0)
    gate.wait_until_begun()
    background.put(1)
    await background.room()
    background.put(2)
    waiting = asyncio.ensure_future(background.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.let(1)
    await asyncio.wait_for(waiting, LIMIT_S)
    gate.let(2)
    await asyncio.to_thread(background.close)
    assert gate.done == [0, 1, 2]


async def test_an_error_ends_the_work_and_is_raised_where_items_come_from():
    begun = threading.Event()

    def fails(item):
        begun.wait(LIMIT_S)
        raise OSError(item)

    background = Background("work", fails, most=2)
    for number in (1, 2, 3):  # one more than may wait: the thread may have taken the first
        background.put(number)
    waiting = asyncio.ensure_future(background.room())
    await asyncio.sleep(0)
    begun.set()
    with pytest.raises(OSError, match="1"):
        await asyncio.wait_for(waiting, LIMIT_S)
    with pytest.raises(OSError, match="1"):
        background.put(4)
    with pytest.raises(OSError, match="1"):
        background.close()


def test_what_was_done_is_not_kept():
    class Item:
        pass

    handled = threading.Semaphore(0)
    background = Background("work", lambda _: handled.release(), most=2)
    item = Item()
    kept = weakref.ref(item)
    background.put(item)
    del item
    assert handled.acquire(timeout=LIMIT_S)
    background.close()
    gc.collect()
    assert kept() is None
