"""Places go to the next in line, whoever else gave up waiting."""

import asyncio
import threading

from cloud_service.load.admission import Admission
from cloud_service.load.places import Places
from cloud_service.load.shares import Client


async def test_who_asks_for_a_free_place_is_told():
    places, told = Places(1), asyncio.Event()
    places.ask(told.set)
    async with asyncio.timeout(2):
        await told.wait()
    assert not places.take_at_once()
    places.give_back()
    assert places.take_at_once()


async def test_the_queue_moves_after_work_is_cancelled_during_a_turn(wait_for):
    admission = Admission(max_concurrency=1, max_queue=5, max_bytes=100)
    started, gate, cancelled = threading.Event(), threading.Event(), []

    def cancels():  # as a deadline does that passes in the same round of the loop
        cancelled.append(queued.cancel())
        threading.Event().wait(0.002)  # longer than a turn, so that the next piece of work waits

    try:
        thread = asyncio.create_task(admission.run(lambda: (started.set(), gate.wait())))
        await wait_for(started.is_set)
        for work in (cancels, lambda: None):
            assert admission.run_here(work, size_bytes=1, client=Client("one"))
        queued = asyncio.create_task(admission.run(lambda: None))
        await wait_for(lambda: admission.admitted == 4)
        gate.set()
        await thread
        await asyncio.wait([queued])
        async with asyncio.timeout(2):
            assert await admission.run(lambda: "next") == "next"
            await admission.idle()
    finally:
        admission.close()
    assert cancelled == [True]
    assert queued.cancelled()
