"""Child processes that behave badly: they are read to the end, and never left behind."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from dads import children
from dads.children import Child

LIMIT_S = 30.0


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Make a child that runs a script instead of `dads`; what it says on stderr is in `child.told`."""

    def make(script):
        launcher = tmp_path / "python"
        path = tmp_path / "script.py"
        path.write_text("import os, signal, sys, time\n" + script)
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{path}" "$@"\n')
        launcher.chmod(0o755)
        monkeypatch.setattr(children.sys, "executable", str(launcher))
        told = []
        made = Child("the child", ["one", "two"], told.append)
        made.told = told
        return made

    return make


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def lines_of(made):
    async with asyncio.timeout(LIMIT_S):
        return [line async for line in made.lines()]


async def test_lines_messages_arguments_and_exit_code(child):
    made = child("print(sys.argv[1:]); print('b'); print('c', file=sys.stderr); sys.exit(7)")
    async with made, asyncio.timeout(LIMIT_S):
        assert await lines_of(made) == ["['-m', 'dads', 'one', 'two']", "b"]
        assert await made.wait() == 7
    assert made.told == ["c"]


async def test_a_last_line_without_an_end_is_a_line(child):
    made = child("sys.stdout.write('a\\nb'); sys.stderr.write('oh')")
    async with made:
        assert await lines_of(made) == ["a", "b"]
        assert await made.wait() == 0
    assert made.told == ["oh"]


async def test_what_is_no_text_is_read_all_the_same(child):
    made = child("sys.stdout.buffer.write(b'\\xff\\xfe\\n'); sys.stderr.buffer.write(b'\\xff\\n')")
    async with made:
        assert len(await lines_of(made)) == 1
    assert len(made.told) == 1


async def test_a_child_that_dies_at_once_is_seen(child):
    made = child("os.kill(os.getpid(), signal.SIGKILL)")
    async with made, asyncio.timeout(LIMIT_S):
        assert await lines_of(made) == []
        assert await made.wait() == -signal.SIGKILL


async def test_leaving_asks_it_to_end_and_hears_its_last_words(child):
    made = child("""
def end(*_):
    print("goodbye", file=sys.stderr, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print(os.getpid(), flush=True)
while True:
    signal.pause()
""")
    async with asyncio.timeout(LIMIT_S):
        async with made:
            pid = int(await anext(made.lines()))
        assert not alive(pid)
        assert await made.wait() == 0
    assert made.told == ["goodbye"]


async def test_a_child_that_ignores_the_request_is_killed(child, monkeypatch):
    monkeypatch.setattr(children, "_GRACE_S", 0.3)
    made = child("""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True:
    signal.pause()
""")
    async with asyncio.timeout(LIMIT_S):
        async with made:
            pid = int(await anext(made.lines()))
        assert not alive(pid)
        assert await made.wait() == -signal.SIGKILL


async def test_a_child_that_prints_without_end_can_be_left(child):
    """Its pipe is full: unless somebody reads, it cannot even end in order."""
    made = child("""
def end(*_):
    for _ in range(200_000):  # more than the reader buffers by itself
        print("x" * 100)
    sys.exit(3)
signal.signal(signal.SIGTERM, end)
print(os.getpid(), flush=True)
while True:
    signal.pause()
""")
    async with asyncio.timeout(LIMIT_S):
        async with made:
            pid = int(await anext(made.lines()))
        assert not alive(pid)
        assert await made.wait() == 3


async def test_a_child_is_not_left_behind_when_leaving_is_interrupted(child):
    """A second Ctrl-C comes while the first one's grace still runs."""
    made = child("""
signal.signal(signal.SIGTERM, lambda *_: print("asked", file=sys.stderr, flush=True))
print(os.getpid(), flush=True)
while True:
    signal.pause()
""")
    async with asyncio.timeout(LIMIT_S):
        await made.__aenter__()
        pid = int(await anext(made.lines()))
        leaving = asyncio.ensure_future(made.__aexit__(None, None, None))
        while not made.told:  # noqa: ASYNC110 - a plain list
            await asyncio.sleep(0.005)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        deadline_s = time.monotonic() + 10
        while alive(pid):
            assert time.monotonic() < deadline_s, "left behind"
            await asyncio.sleep(0.01)
        await made.wait()


async def test_an_error_inside_ends_the_child(child):
    made = child("print(os.getpid(), flush=True)\nwhile True: signal.pause()")
    pids = []

    async def fail():
        async with asyncio.timeout(LIMIT_S), made:
            pids.append(int(await anext(made.lines())))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not alive(pids[0])


async def test_a_child_that_was_not_started_says_so(child):
    with pytest.raises(RuntimeError, match="the child has not been started"):
        await child("").wait()
