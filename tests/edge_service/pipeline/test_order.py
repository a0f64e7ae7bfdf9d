"""Results leave in order, once each, whatever order they come in."""

import asyncio
import itertools

import pytest

from edge_service.frame import FrameResult, Outcome
from edge_service.pipeline.order import InOrder


def result(frame_id: int) -> FrameResult:
    return FrameResult(frame_id, Outcome.DROPPED)


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))))
async def test_every_order_of_arrival_leaves_in_order(arrival):
    left = []
    order = InOrder(lambda done: left.append(done.frame_id))
    futures = [order.expect(frame_id) for frame_id in range(4)]
    for count, frame_id in enumerate(arrival, start=1):
        order.finish(result(frame_id))
        ready = 0
        while ready in arrival[:count]:
            ready += 1
        assert left == list(range(ready)), "what may leave leaves at once, and nothing else"
        assert len(order._pending) == 4 - ready
        assert [future.done() for future in futures] == [position < ready for position in range(4)]
    assert [future.result().frame_id for future in futures] == list(range(4))


async def test_the_callback_is_told_before_the_waiter():
    seen = []
    order = InOrder(lambda done: seen.append(future.done()))
    future = order.expect(0)
    order.finish(result(0))
    assert seen == [False]
    assert future.done()


async def test_a_cancelled_waiter_costs_nobody_else_anything():
    left = []
    order = InOrder(lambda done: left.append(done.frame_id))
    first, second = order.expect(0), order.expect(1)
    first.cancel()
    order.finish(result(1))
    order.finish(result(0))
    assert left == [0, 1]
    assert second.result().frame_id == 1


async def test_empty_waits_for_the_last_result():
    order = InOrder(lambda done: None)
    await order.empty()
    order.expect(5)
    order.expect(6)
    waiting = asyncio.ensure_future(order.empty())
    order.finish(result(6))
    await asyncio.sleep(0)
    assert not waiting.done()
    order.finish(result(5))
    await asyncio.wait_for(waiting, 10)
    assert len(order._pending) == 0


async def test_a_callback_that_fails_stops_the_frames_to_come_and_loses_none_under_way():
    """A closed pipe, a full disk: whoever submits must hear of it, and whoever waits must not wait for ever."""
    told = []

    def fail_once(done):
        told.append(done.frame_id)
        raise BrokenPipeError("nobody reads the results")

    order = InOrder(fail_once)
    futures = [order.expect(frame_id) for frame_id in range(3)]
    for frame_id in (0, 2, 1):
        order.finish(result(frame_id))
    assert [future.result().frame_id for future in futures] == [0, 1, 2]
    assert told == [0], "a callback that failed is not called again"
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        order.expect(3)
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        await asyncio.wait_for(order.empty(), 10)
