"""The traffic of one stream, without gRPC: requests are numbers, responses are strings."""

import asyncio

import pytest

from cloud_service.load.pace import Frames, Pace
from cloud_service.load.streams import FrameStream


class Wire:
    """Both ends of a stream: what the peer sends, and what it gets."""

    def __init__(self, *, max_frames=4, interval_s=1000.0, longest_s=None):
        self.sent = asyncio.Queue()
        self.got = []
        self.got_one = asyncio.Event()
        self.writing = 0
        self.may_answer = {}
        self.reads = 0
        self.dropped = []
        self.stream = FrameStream(
            answer=self.answer,
            heartbeat=lambda _next_s: "beat",
            announce=lambda response: f"before {response}" if response == "answer large" else None,
            write=self.write,
            max_frames=max_frames,
            pace=Pace(Frames(), usual_s=interval_s, longest_s=longest_s or interval_s),
        )

    async def requests(self):
        while (request := await self.sent.get()) is not None:
            self.reads += 1
            yield request

    async def answer(self, request):
        try:
            await self.may_answer.setdefault(request, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.dropped.append(request)
            raise
        return f"answer {request}"

    async def write(self, response):
        assert not self.writing, "two writes at a time"
        self.writing += 1
        await asyncio.sleep(0)
        self.writing -= 1
        self.got.append(response)
        self.got_one.set()

    def let(self, *requests):
        for request in requests:
            self.may_answer.setdefault(request, asyncio.Event()).set()

    async def until(self, response):
        async with asyncio.timeout(20):
            while response not in self.got:
                self.got_one.clear()
                await self.got_one.wait()


@pytest.fixture
async def start():
    tasks = []

    def starting(wire):
        tasks.append(asyncio.create_task(wire.stream.serve(wire.requests())))
        return tasks[-1]

    yield starting
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def ended(task):
    await asyncio.wait_for(task, timeout=20)


async def test_every_request_is_answered_once_and_then_the_stream_ends(start):
    wire = Wire()
    wire.let(*range(10))
    for request in [*range(10), None]:
        wire.sent.put_nowait(request)
    await ended(start(wire))
    assert wire.got[0] == "beat"
    assert sorted(wire.got[1:]) == sorted(f"answer {n}" for n in range(10))


async def test_an_announcement_comes_right_before_its_answer(start):
    wire = Wire()
    requests = ["small", "large", "other"]
    wire.let(*requests)
    for request in [*requests, None]:
        wire.sent.put_nowait(request)
    await ended(start(wire))
    assert wire.got.count("before answer large") == 1
    assert wire.got[wire.got.index("before answer large") + 1] == "answer large"
    assert len(wire.got) == 5


async def test_a_slow_frame_is_overtaken(start):
    wire = Wire()
    serving = start(wire)
    for request in (1, 2, None):
        wire.sent.put_nowait(request)
    wire.let(2)
    await wire.until("answer 2")
    assert not serving.done()
    wire.let(1)
    await ended(serving)
    assert wire.got == ["beat", "answer 2", "answer 1"]


async def test_reading_pauses_while_so_many_are_unanswered(start, wait_for):
    wire = Wire(max_frames=2)
    serving = start(wire)
    for request in [*range(5), None]:
        wire.sent.put_nowait(request)
    await wait_for(lambda: wire.reads == 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert wire.reads == 2
    wire.let(1)
    await wait_for(lambda: wire.reads == 3)
    wire.let(*range(5))
    await ended(serving)


async def test_it_beats_at_once_and_again(start, wait_for):
    wire = Wire(interval_s=0.001)
    serving = start(wire)
    await wait_for(lambda: wire.got.count("beat") > 3)
    wire.sent.put_nowait(None)
    await ended(serving)
    assert set(wire.got) == {"beat"}


async def test_finishing_answers_what_was_read_and_reads_no_more(start, wait_for):
    wire = Wire()
    serving = start(wire)
    wire.sent.put_nowait(1)
    await wait_for(lambda: wire.reads == 1)
    wire.stream.finish()
    wire.sent.put_nowait(2)
    wire.let(1, 2)
    await ended(serving)
    assert wire.got == ["beat", "answer 1"]


async def test_a_stream_that_never_started_can_be_finished():
    Wire().stream.finish()


async def test_cancelling_drops_its_frames(start, wait_for):
    wire = Wire()
    serving = start(wire)
    for request in (1, 2):
        wire.sent.put_nowait(request)
    await wait_for(lambda: len(wire.may_answer) == 2)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert sorted(wire.dropped) == [1, 2]


async def test_a_frame_ends_a_long_pause_and_its_stream_leaves_none_unanswered(start, wait_for):
    wire = Wire(longest_s=3600.0)
    pace = wire.stream._pace
    while pace.next_s() < 3600.0:
        pass
    serving = start(wire)
    await wire.until("beat")
    wire.sent.put_nowait(1)
    await wait_for(lambda: wire.got.count("beat") == 2)
    assert pace.frames.unanswered == 1
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert pace.frames.unanswered == 0
