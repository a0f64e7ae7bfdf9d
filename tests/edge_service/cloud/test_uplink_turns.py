"""Probes of several clouds take turns on the uplink: one at a time, without frames, and not waiting for ever."""

import asyncio

import pytest

from edge_service.cloud.uplink_turns import UplinkTurns


async def test_one_turn_at_a_time():
    turns, order = UplinkTurns(longest_wait_s=60.0), []

    async def probe(name):
        async with turns.turn():
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    await asyncio.gather(probe("a"), probe("b"), probe("c"))
    assert order == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


async def test_a_turn_waits_for_a_moment_without_frames():
    frames, begun = 2, asyncio.Event()
    turns = UplinkTurns(lambda: frames > 0, longest_wait_s=60.0)

    async def probe():
        async with turns.turn():
            begun.set()

    task = asyncio.create_task(probe())
    for _ in range(2):
        await asyncio.sleep(0)
        assert not begun.is_set()
        frames -= 1
        turns.made_room()
    await asyncio.wait_for(task, 20.0)
    assert begun.is_set()


async def test_a_turn_does_not_wait_for_ever():
    turns = UplinkTurns(lambda: True, longest_wait_s=0.01)
    async with turns.turn(), turns.turn():
        pass
    cancelled = asyncio.create_task(turns.turn().__aenter__())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert not turns._taken.locked(), "who waits in vain keeps no turn"
