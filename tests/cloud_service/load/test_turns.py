"""Cheap work on the event loop: its order, its turns, and the place that it takes among the threads."""

import asyncio
import threading

import pytest

from cloud_service.load.admission import Admission
from cloud_service.load.places import Places
from cloud_service.load.shares import Client
from cloud_service.load.turns import Turns


@pytest.fixture
def admission():
    made = Admission(max_concurrency=1, max_queue=3, max_bytes=100)
    yield made
    made.close()


def here(admission, work, size_bytes=1):
    return admission.run_here(work, size_bytes=size_bytes, client=Client("one"))


async def test_work_runs_in_order_and_the_rest_waits_for_the_next_turn():
    ran, places = [], Places(1)
    turns = Turns(places)
    for n in range(5):
        turns.add(lambda n=n: ran.append(n))
    assert ran[:1] == [0], "the loop was free"
    assert len(ran) < 5
    while len(ran) < 5:  # noqa: ASYNC110  # one round of the loop each
        await asyncio.sleep(0)
    assert ran == list(range(5))
    assert places.take_at_once(), "the place is free again"


async def test_the_round_of_the_loop_counts_as_waiting():
    turns = Turns(Places(1))
    turns.add(lambda: None)
    for _ in range(3):
        await asyncio.sleep(0)
    noted_s = turns._lag_noted_s
    assert turns.lag_s(noted_s) > 0
    assert turns.lag_s(noted_s + 10.0) == 0


async def test_work_waits_for_the_place_that_a_thread_has(admission, wait_for):
    gate, ran = threading.Event(), []
    busy = asyncio.create_task(admission.run(gate.wait))
    await wait_for(lambda: admission.admitted == 1)
    assert here(admission, lambda: ran.append("here"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert ran == []
    gate.set()
    await busy
    await admission.idle()
    assert ran == ["here"]


async def test_threads_get_the_place_after_the_turn(admission):
    ran = []
    assert here(admission, lambda: ran.append("first"))
    assert here(admission, lambda: ran.append("second"))
    behind = asyncio.create_task(admission.run(lambda: ran.append("thread")))
    await behind
    assert here(admission, lambda: ran.append("last"))
    await admission.idle()
    assert ran == ["first", "second", "thread", "last"]


@pytest.mark.parametrize("limit", ["requests", "bytes", "draining"])
async def test_limits_count_what_the_loop_has(admission, limit):
    here(admission, lambda: None)
    assert here(admission, lambda: None, size_bytes=60)
    if limit == "draining":
        admission.drain()
    elif limit == "requests":
        for _ in range(3):
            here(admission, lambda: None)
    assert not here(admission, lambda: None, size_bytes=60)
    await admission.idle()
    assert admission.admitted == 0


async def test_a_place_given_to_one_who_is_cancelled_goes_to_the_next():
    places = Places(1)
    assert places.take_at_once()
    first, second = asyncio.create_task(places.take()), asyncio.create_task(places.take())
    await asyncio.sleep(0)
    places.give_back()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    assert not places.take_at_once()
