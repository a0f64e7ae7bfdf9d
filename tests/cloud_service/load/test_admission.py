"""The bounded queue in front of the threads."""

import asyncio
import threading
from itertools import count

import pytest

from cloud_service.errors import DrainingError, ExpiredError, OverloadedError
from cloud_service.load.admission import Admission


@pytest.fixture
def admission():
    made = []

    def make(**settings):
        made.append(Admission(**{"max_concurrency": 1, "max_queue": 1, "max_bytes": 100, **settings}))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Gated:
    """Work that waits until it is let go, and notes what ran, in order."""

    def __init__(self):
        self.gate = threading.Event()
        self.ran = []
        self.together = 0
        self.most_together = 0
        self._lock = threading.Lock()

    def work(self, name):
        def run():
            with self._lock:
                self.ran.append(name)
                self.together += 1
                self.most_together = max(self.most_together, self.together)
            assert self.gate.wait(20)
            with self._lock:
                self.together -= 1
            return name

        return run


async def test_returns_what_the_work_returns_and_raises_what_it_raises(admission):
    queue = admission()

    def fails():
        raise KeyError("from the thread")

    assert await queue.run(lambda: threading.current_thread().name) != threading.current_thread().name
    with pytest.raises(KeyError, match="from the thread"):
        await queue.run(fails)
    assert queue.admitted == 0


@pytest.mark.parametrize(("max_concurrency", "max_queue"), [(1, 0), (1, 3), (3, 2)])
async def test_runs_and_queues_so_many_and_refuses_the_next(admission, wait_for, max_concurrency, max_queue):
    queue, gated = admission(max_concurrency=max_concurrency, max_queue=max_queue), Gated()
    admitted = max_concurrency + max_queue
    tasks = [asyncio.create_task(queue.run(gated.work(n))) for n in range(admitted)]
    await wait_for(lambda: len(gated.ran) == max_concurrency and queue.admitted == admitted)
    with pytest.raises(OverloadedError, match=f"expected fewer than {admitted}"):
        await queue.run(gated.work("one more"))
    gated.gate.set()
    assert await asyncio.gather(*tasks) == list(range(admitted))
    assert gated.most_together == max_concurrency
    assert "one more" not in gated.ran


async def test_waits_in_order_of_arrival(admission, wait_for):
    queue, gated = admission(max_queue=20), Gated()
    tasks = [asyncio.create_task(queue.run(gated.work(n))) for n in range(20)]
    await wait_for(lambda: queue.admitted == 20)
    gated.gate.set()
    await asyncio.gather(*tasks)
    assert gated.ran == list(range(20))


async def test_a_place_given_up_goes_to_the_next(admission, wait_for):
    queue, gated = admission(max_queue=3), Gated()
    tasks = [asyncio.create_task(queue.run(gated.work(n))) for n in range(4)]
    await wait_for(lambda: queue.admitted == 4)
    tasks[1].cancel()
    await wait_for(lambda: queue.admitted == 3)
    late = asyncio.create_task(queue.run(gated.work("late")))
    gated.gate.set()
    assert [await task for task in (tasks[0], tasks[2], tasks[3], late)] == [0, 2, 3, "late"]
    assert gated.ran == [0, 2, 3, "late"]
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]


async def test_what_expires_in_the_queue_does_not_run(admission, wait_for):
    queue, gated = admission(), Gated()
    first = asyncio.create_task(queue.run(gated.work("first")))
    await wait_for(lambda: gated.ran == ["first"])
    with pytest.raises(ExpiredError, match="it was not computed"):
        await queue.run(gated.work("second"), timeout_s=0.01)
    assert queue.admitted == 1
    gated.gate.set()
    assert await first == "first"
    assert gated.ran == ["first"]


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_what_came_too_late_does_not_run_even_when_idle(admission, timeout_s):
    queue, ran = admission(), count()
    with pytest.raises(ExpiredError):
        await queue.run(lambda: next(ran), timeout_s=timeout_s)
    assert next(ran) == 0
    assert queue.admitted == 0


async def test_bytes_are_limited_but_one_always_fits(admission, wait_for):
    queue, gated = admission(max_queue=10, max_bytes=100), Gated()
    first = asyncio.create_task(queue.run(gated.work("first"), size_bytes=101))
    await wait_for(lambda: gated.ran == ["first"])
    with pytest.raises(OverloadedError, match="101 bytes of requests are held; expected at most 100"):
        await queue.run(gated.work("second"), size_bytes=1)
    gated.gate.set()
    await first
    assert await queue.run(gated.work("third"), size_bytes=100) == "third"


async def test_draining_refuses_and_becomes_idle(admission, wait_for):
    queue, gated = admission(), Gated()
    await queue.idle()
    tasks = [asyncio.create_task(queue.run(gated.work(n))) for n in range(2)]
    await wait_for(lambda: queue.admitted == 2)
    queue.drain()
    with pytest.raises(DrainingError):
        await queue.run(gated.work("new"))
    idle = asyncio.create_task(queue.idle())
    gated.gate.set()
    assert await asyncio.gather(*tasks) == [0, 1]
    await asyncio.wait_for(idle, timeout=20)
    assert queue.admitted == 0


async def test_threads_are_prepared_before_their_first_work(admission):
    prepared = []
    queue = admission(initializer=lambda: prepared.append(threading.current_thread().name))
    assert await queue.run(lambda: prepared == [threading.current_thread().name])
