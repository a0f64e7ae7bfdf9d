"""The pauses between heartbeats, without a clock: they are told, so they can be read."""

import asyncio

import pytest

from cloud_service.errors import InvalidRequestError
from cloud_service.load.pace import USUAL_BEATS, Frames, Pace, Paces, allowed_s
from cloud_service.load.shares import Client


def pace(frames, longest_s=10.0):
    return Pace(frames, usual_s=0.5, longest_s=longest_s)


def pauses(of, count):
    return [of.next_s() for _ in range(count)]


@pytest.mark.parametrize(
    ("told", "allowed"), [(None, 0.5), ("10", 10), ("2.5", 2.5), ("0.1", 0.5), ("600", 20), ("inf", 20), (" 7 ", 7)]
)
def test_a_caller_allows_pauses_within_the_servers_bounds(told, allowed):
    assert allowed_s(told, 20) == allowed


@pytest.mark.parametrize("told", ["", "soon", "nan", "-1", "0", "1" * 100])
def test_what_is_no_pause_is_told_shortened(told):
    with pytest.raises(InvalidRequestError, match=r"dads-longest-beat-s is '.{0,16}'; expected a number of seconds"):
        allowed_s(told, 20)


def test_pauses_grow_up_to_the_longest_after_some_usual_ones():
    told = pauses(pace(Frames()), USUAL_BEATS + 7)
    assert told == [0.5] * USUAL_BEATS + [1, 2, 4, 8, 10, 10, 10]


def test_without_an_agreement_they_stay_usual():
    assert set(pauses(pace(Frames(), longest_s=0.5), 100)) == {0.5}


def test_a_frame_brings_the_usual_pauses_back_and_keeps_them_while_it_is_unanswered():
    frames = Frames()
    of = pace(frames)
    assert pauses(of, USUAL_BEATS + 5)[-1] == 10
    frames.begin()
    assert set(pauses(of, 3 * USUAL_BEATS)) == {0.5}
    frames.end()
    assert pauses(of, USUAL_BEATS)[-2:] == [0.5, 1]
    frames.begin()
    frames.end()  # it came and was answered between two heartbeats
    assert of.next_s() == 0.5


async def test_a_frame_ends_a_longer_pause_on_all_streams_of_its_edge():
    """Pauses of an hour: the test ends only if they do."""
    paces = Paces(3600.0)
    edge, other = Client("ipv4:192.0.2.7", "a", shared=True), Client("ipv4:192.0.2.7", "b", shared=True)
    first, second, foreign = paces.of(edge, "3600"), paces.of(edge, "3600"), paces.of(other, "3600")
    for of in (first, second, foreign):
        while of.next_s() < 3600:
            pass
    waits = [asyncio.create_task(of.passed()) for of in (first, second, foreign)]
    await asyncio.sleep(0)
    first.frames.begin()
    async with asyncio.timeout(20):
        await asyncio.gather(*waits[:2])
    assert first.next_s() == second.next_s() == 0.5
    assert not waits[2].done()
    waits[2].cancel()


async def test_a_frame_that_comes_before_the_wait_ends_it_too():
    of = pace(Frames(), longest_s=3600.0)
    while of.next_s() < 3600:
        pass
    of.frames.begin()  # while the heartbeat is written
    async with asyncio.timeout(20):
        await of.passed()


async def test_a_frame_of_long_ago_does_not_end_the_next_pause():
    of = pace(Frames(), longest_s=3600.0)
    for _ in range(2):
        of.frames.begin()
        of.frames.end()
        while of.next_s() < 3600:
            pass
        waiting = asyncio.create_task(of.passed())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        of.frames.begin()
        of.frames.end()
        async with asyncio.timeout(20):
            await waiting


def test_an_edge_is_forgotten_with_its_last_stream():
    paces = Paces(10.0)
    of = paces.of(Client("a"), None)
    assert len(paces._frames) == 1
    del of
    assert not paces._frames
