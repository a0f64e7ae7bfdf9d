"""Faults between real processes: a short form of what `make chaos` does for long.

After each: every frame read has exactly one result or one counted drop, in order, equal to the whole model's; and
offloading comes back by itself. How fast is measured by `make chaos`; here only that it does, within a deadline.
"""

import asyncio
import contextlib
import time

from chaos.faults import FAULTS, Killed, WrongTwin
from chaos.verdict import violations
from chaos.world import World, WorldOptions
from link_emulator import Trace

BACK_LIMIT_S = 60.0
QUICK = [fault for fault in FAULTS if fault not in (Killed, WrongTwin)]


async def checked(world):
    """Let the edge end; assert the invariant."""
    code, report = await world.finish()
    assert violations([frame.line for frame in world.frames], report, code) == []
    return report


async def lost(world, since_s, words):
    return await world.said(
        lambda event: event.get("event") == "cloud lost" and words in event["error"],
        since_s=since_s,
        limit_s=BACK_LIMIT_S,
    )


async def suffer(world, fault):
    """One fault of the link, until offloading is back."""
    began, began_s = len(world.frames), time.monotonic()
    await fault.begin(world)
    if fault.silences:  # until the missing heartbeat is noticed
        noticed_s = await lost(world, began_s, "no heartbeat")
        print(f"{fault.name}: noticed after {noticed_s - began_s:.2f} s")
    else:
        await world.frame(lambda frame: True, since=began + 12)  # a second and more of frames
    await fault.end(world)
    ended_s = time.monotonic()
    back = await world.offloaded(limit_s=BACK_LIMIT_S)
    print(f"{fault.name}: back after {back.at_s - ended_s:.2f} s")


async def lose_the_cloud(world):
    """Half-open at its worst: while the link is down the cloud is replaced, so nobody tells the edge; by a wrong twin.

    The twin is killed and replaced by the right one, and that is killed under frames on their way.
    """
    began_s = time.monotonic()
    world.link.cut()
    await world.kill_cloud()
    await asyncio.gather(lost(world, began_s, "no heartbeat"), world.start_cloud(wrong_twin=True))
    world.link.restore()
    await lost(world, began_s, "digest")
    alone = len(world.frames)
    await world.frame(lambda frame: True, since=alone + 5)
    assert {frame.outcome for frame in world.frames[alone:]} <= {"edge_only", "dropped"}
    await world.kill_cloud()
    await world.start_cloud()
    await world.offloaded(limit_s=BACK_LIMIT_S)
    await world.kill_cloud()
    await world.frame(lambda frame: frame.outcome == "edge_only", limit_s=BACK_LIMIT_S)


async def test_after_every_fault_offloading_is_back_and_no_frame_is_lost(tmp_path):
    async with World(tmp_path) as world:
        await world.offloaded(limit_s=120)
        for kind in QUICK:
            await suffer(world, kind())
        await lose_the_cloud(world)
        report = await checked(world)
        assert report["frames"]["offloaded"] >= len(QUICK)


async def test_a_slow_link_is_not_a_dead_one(tmp_path):
    """0.13 Mbit/s and frames of 150 kB, 9 s each: given up, but heartbeats come, so the cloud is not lost."""
    arguments = ("--encodings", "raw", "--strategy", "cloud_only")
    options = WorldOptions(side=224, rate_hz=2.0, arguments=arguments)
    async with World(tmp_path, options) as world:
        await world.offloaded(limit_s=120)
        changed_s = time.monotonic()
        world.link.set_uplink(Trace.constant(0.13e6))
        sent = world.link.bytes_up
        await world.frame(lambda frame: frame.outcome == "local_fallback", limit_s=BACK_LIMIT_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BACK_LIMIT_S):
                while world.link.bytes_up < sent + 70_000:  # noqa: ASYNC110 # 4.3 s at this rate: twice the silence
                    await asyncio.sleep(0.05)
        assert world.link.bytes_up >= sent + 70_000
        assert not [event for at_s, event in world.edge_said if at_s >= changed_s and event["event"] == "cloud lost"]
        world.link.set_uplink(Trace.constant(20e6))
        await world.offloaded(limit_s=BACK_LIMIT_S)
        await checked(world)
