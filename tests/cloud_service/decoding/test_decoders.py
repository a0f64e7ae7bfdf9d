"""Decoder processes: how many there are, and what a failing one costs. The processes here are fakes that start fast."""

import asyncio
import contextlib
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from cloud_service.decoding.decoders import Decoders
from cloud_service.errors import DecoderLostError, NoDecoderError
from pictures.worker_messages import Outcome, Request

FAKE = """
import os, sys, time
from struct import Struct
kind = sys.argv[1]
sys.stdin.buffer.raw.read(1)
header = Struct("<dBI")
out = sys.stdout.buffer
if kind == "hangs": time.sleep(60)
elif kind == "ends": sys.exit(3)
elif kind == "talks": out.write(b"Traceback (most recent call last):")
elif kind == "short": out.write(header.pack(0.5, 0, 11) + bytes(11))
elif kind == "cut": out.write(header.pack(0.5, 0, 12) + bytes(5))
elif kind == "endless": out.write(header.pack(0.5, 2, 2**31))
elif kind == "odd": out.write(header.pack(0.5, 9, 0))
elif kind == "timeless": out.write(header.pack(float("nan"), 1, 0))
elif kind == "lost": out.write(header.pack(0.5, 2, 3) + b"why")
elif kind == "secret": out.write(header.pack(0.5, 2, 3) + ("DADS_CLOUD_TOKEN" in os.environ and b"yes" or b"no."))
else: out.write(header.pack(0.25, 0, 12) + bytes(range(12)))
out.flush()
sys.stdin.buffer.raw.read()
"""


def command(kind):
    return [sys.executable, "-I", "-S", "-c", FAKE, kind]


def request(limit_s=20.0):
    return Request(None, 0, [b"a"], 0, 2, 2, limit_s)


@pytest.fixture
async def decoders():
    """Make decoders of a kind; close them at the end, and look for what is left."""
    made = []
    before = pipes()

    def make(kind, most=2):
        made.append(Decoders(most, command(kind)))
        return made[-1]

    yield make
    for one in made:
        await one.close()
    assert children() == []
    assert [thread for thread in threading.enumerate() if thread.name.startswith("decoder")] == []
    assert pipes() <= before


def children():
    """Processes that this one started and that are still there, zombies too."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended, and left its children to another
            found += map(int, (task / "children").read_text().split())
    return found


def pipes():
    """The pipes that this process has open."""
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            found.add(str(file.readlink()))
    return {name for name in found if name.startswith("pipe:")}


async def test_a_frame_comes_back(decoders):
    pool = decoders("works")
    answer = await pool.ask(pool.take(), request())
    assert (answer.outcome, answer.seconds) == (Outcome.PIXELS, 0.25)
    np.testing.assert_array_equal(answer.pixels, np.arange(12, dtype=np.uint8).reshape(1, 3, 2, 2))


async def test_why_there_is_no_frame_comes_back(decoders):
    pool = decoders("lost")
    answer = await pool.ask(pool.take(), request())
    assert (answer.outcome, answer.text, answer.pixels) == (Outcome.LOST, "why", None)


@pytest.mark.parametrize("kind", ["ends", "talks", "short", "cut", "endless", "odd", "timeless"])
async def test_a_process_that_ends_or_answers_something_else_is_lost(decoders, kind):
    pool = decoders(kind, most=1)
    process = pool.take()
    with pytest.raises(DecoderLostError, match="expected another session"):
        # A cut answer stays without its end until the process is stopped.
        await pool.ask(process, request(limit_s=0.3 if kind == "cut" else 20.0))
    with pytest.raises(DecoderLostError):
        await pool.ask(process, request())
    pool.release(process)
    assert pool.take() is not process


async def test_a_process_that_takes_too_long_is_stopped(decoders):
    pool = decoders("hangs")
    process = pool.take()
    with pytest.raises(DecoderLostError, match=r"decoding took more than 0\.2 s"):
        await pool.ask(process, request(limit_s=0.2))
    assert process._process.wait(20) < 0
    assert not process.is_alive


async def test_a_process_that_is_killed_costs_its_session_alone(decoders):
    pool = decoders("hangs")
    process, other = pool.take(), pool.take()
    asked = [asyncio.create_task(pool.ask(one, request())) for one in (process, other)]
    while not process._process or not other._process:  # noqa: ASYNC110 # a thread starts them
        await asyncio.sleep(0.002)
    process._process.kill()
    with pytest.raises(DecoderLostError):
        await asked[0]
    assert other.is_alive
    pool.release(other)
    with pytest.raises(DecoderLostError):
        await asked[1]


async def test_there_are_no_more_than_allowed(decoders):
    pool = decoders("works", most=2)
    one, _ = pool.take(), pool.take()
    assert pool.in_use == 2
    with pytest.raises(NoDecoderError, match="2 decoders are in use; expected at most 2") as caught:
        pool.take()
    assert caught.value.retry_after_s > 0
    pool.release(one)
    assert pool.take() is not one


async def test_none_are_allowed(decoders):
    pool = decoders("works", most=0)
    pool.prepare()
    with pytest.raises(NoDecoderError, match="not accepted here") as caught:
        pool.take()
    assert caught.value.retry_after_s is None


async def test_one_is_ready_in_advance(decoders):
    pool = decoders("works")
    pool.prepare()
    pool.prepare()
    while len(children()) != 1:  # noqa: ASYNC110 # another process
        await asyncio.sleep(0.002)
    (ready,) = children()
    process = pool.take()
    await pool.ask(process, request())
    assert process._process.pid == ready
    while len(children()) != 2:  # noqa: ASYNC110 # the next one
        await asyncio.sleep(0.002)
    pool.take()
    pool.prepare()
    assert pool._spare is None, "never more than allowed"


async def test_a_spare_that_died_is_not_given_to_a_session(decoders):
    pool = decoders("works")
    pool.prepare()
    while pool._spare._process is None:  # noqa: ASYNC110 # a thread starts it
        await asyncio.sleep(0.002)
    dead = pool._spare
    dead.kill()
    dead._process.wait()
    pool.prepare()
    assert pool._spare is not dead
    pool._spare.end()
    assert (await pool.ask(pool.take(), request())).outcome is Outcome.PIXELS


async def test_what_cannot_be_started_is_lost(decoders):
    pool = Decoders(1, ["/nonexistent/python"])
    pool.prepare()
    with pytest.raises(DecoderLostError, match="no decoder process can be started: No such file"):
        await pool.ask(pool.take(), request())
    await pool.close()


async def test_secrets_of_the_service_are_not_the_decoders(decoders, monkeypatch):
    monkeypatch.setenv("DADS_CLOUD_TOKEN", "secret")
    pool = decoders("secret")
    assert (await pool.ask(pool.take(), request())).text == "no."


async def test_after_the_end_none_are_taken(decoders):
    pool = decoders("hangs")
    asked = asyncio.create_task(pool.ask(pool.take(), request()))
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(DecoderLostError):
        await asked
    with pytest.raises(NoDecoderError):
        pool.take()
