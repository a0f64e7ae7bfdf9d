"""The session of one stream, with decoders that answer as the test says."""

import asyncio

import numpy as np
import pytest

from cloud_service.decoding.process import Answer
from cloud_service.decoding.session import PACKET_S, REQUEST_S, PacketSession
from cloud_service.errors import DecoderLostError, InvalidRequestError, NoDecoderError, PacketsError
from pictures import StreamFormat, pixels_digest
from pictures.worker_messages import Outcome
from split_wire import Reason
from split_wire.packets import PacketsToSend, WireFormat

FORMAT = WireFormat("h264", "pad,bilinear", b"extra", 64, 48, 1, 5, 90, (16, 15), mirrored=True, reorder=2)
PIXELS = np.arange(12, dtype=np.uint8).reshape(1, 3, 2, 2)
FRAME = Answer(Outcome.PIXELS, 0.5, PIXELS)


class FakeDecoders:
    """Answers in the order given; an exception is raised. `asked` has the requests, `taken` counts."""

    def __init__(self, *answers):
        self.answers, self.asked, self.taken, self.released = list(answers), [], 0, []
        self.gate = asyncio.Event()
        self.gate.set()

    def take(self):
        self.taken += 1
        return f"process {self.taken}"

    async def ask(self, process, request):
        self.asked.append(request)
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else FRAME
        if isinstance(answer, Exception):
            raise answer
        return answer

    def release(self, process):
        self.released.append(process)


def packets(first=0, count=1, *, begins=False, digest=b""):
    return PacketsToSend(FORMAT if begins else None, first, (b"a",) * count, first, digest)


async def refused(session, sent, kind, reason):
    with pytest.raises(kind) as caught:
        await session.frame(sent, 2, 2)
    assert caught.value.reason is reason
    return str(caught.value)


async def test_packets_reach_the_decoder_with_all_it_must_know():
    decoders = FakeDecoders()
    session = PacketSession(decoders)
    frame = await session.frame(packets(5, 3, begins=True), 2, 2)
    await session.frame(packets(8, 0), 2, 2)
    assert (frame.seconds, frame.pixels is PIXELS) == (0.5, True)
    first, second = decoders.asked
    assert first.begin.format == StreamFormat("h264", b"extra", 64, 48, 1, 5, 90, (16, 15), mirrored=True, reorder=2)
    assert (first.begin.preprocess, second.begin) == ("pad,bilinear", None)
    assert (first.first, first.shown, list(first.packets), first.height, first.width) == (5, 5, [b"a"] * 3, 2, 2)
    assert first.limit_s == REQUEST_S + 3 * PACKET_S
    assert (decoders.taken, decoders.released) == (1, [])
    session.end()
    session.end()
    assert decoders.released == ["process 1"]


async def test_requests_are_decoded_one_at_a_time_in_order_of_arrival():
    decoders = FakeDecoders()
    session = PacketSession(decoders)
    decoders.gate.clear()
    asked = [asyncio.create_task(session.frame(packets(n, begins=not n), 2, 2)) for n in range(5)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert [request.first for request in decoders.asked] == [0], "the next one waits"
    decoders.gate.set()
    await asyncio.gather(*asked)
    assert [request.first for request in decoders.asked] == [0, 1, 2, 3, 4]
    session.end()


async def test_after_a_gap_the_process_is_kept_for_the_next_session():
    decoders = FakeDecoders()
    session = PacketSession(decoders)
    await refused(session, packets(3), PacketsError, Reason.PACKETS_GAP)
    assert decoders.taken == 0
    await session.frame(packets(3, begins=True), 2, 2)
    await refused(session, packets(9), PacketsError, Reason.PACKETS_GAP)
    await refused(session, packets(4), PacketsError, Reason.PACKETS_GAP)
    await session.frame(packets(9, begins=True), 2, 2)
    assert (decoders.taken, len(decoders.asked)) == (1, 2)
    session.end()


async def test_after_a_pending_picture_the_session_goes_on():
    decoders = FakeDecoders(Answer(Outcome.PENDING, 0.1, text="later"), FRAME)
    session = PacketSession(decoders)
    assert await refused(session, packets(begins=True), PacketsError, Reason.PICTURE_PENDING) == "later"
    await session.frame(packets(1), 2, 2)
    session.end()


async def test_after_a_lost_picture_another_session_begins():
    decoders = FakeDecoders(Answer(Outcome.LOST, 0.1, text="packet 0 is damaged"))
    session = PacketSession(decoders)
    message = await refused(session, packets(begins=True), InvalidRequestError, Reason.PICTURE_LOST)
    assert message == "packet 0 is damaged; expected another session, from a keyframe on"
    await refused(session, packets(1), PacketsError, Reason.PACKETS_GAP)
    await session.frame(packets(2, begins=True), 2, 2)
    assert (decoders.taken, decoders.released) == (1, [])
    session.end()


async def test_a_format_without_a_decoder_gives_the_process_back():
    decoders = FakeDecoders(Answer(Outcome.REFUSED, 0.1, text="no decoder for 'cinepak'"))
    session = PacketSession(decoders)
    message = await refused(session, packets(begins=True), NoDecoderError, Reason.NO_DECODER)
    assert message == "no decoder takes these packets: no decoder for 'cinepak'; expected another encoding"
    assert decoders.released == ["process 1"]


async def test_a_process_that_fails_is_given_back_and_another_taken():
    decoders = FakeDecoders(DecoderLostError())
    session = PacketSession(decoders)
    await refused(session, packets(begins=True), DecoderLostError, Reason.DECODER_LOST)
    assert decoders.released == ["process 1"]
    await refused(session, packets(1), PacketsError, Reason.PACKETS_GAP)
    await session.frame(packets(2, begins=True), 2, 2)
    assert decoders.taken == 2
    session.end()


async def test_equal_pixels_pass_and_others_end_the_session():
    decoders = FakeDecoders()
    session = PacketSession(decoders)
    await session.frame(packets(begins=True, digest=pixels_digest(PIXELS)), 2, 2)
    message = await refused(session, packets(1, digest=pixels_digest(PIXELS + 1)), PacketsError, Reason.PIXELS_DIFFER)
    assert "other pixels here than at the caller" in message
    assert decoders.released == ["process 1"]


async def test_a_cancelled_request_gives_the_process_back():
    decoders = FakeDecoders()
    decoders.gate.clear()
    session = PacketSession(decoders)
    asked = asyncio.create_task(session.frame(packets(begins=True), 2, 2))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert decoders.released == ["process 1"]


async def test_a_session_without_packets_ends():
    decoders = FakeDecoders()
    session = PacketSession(decoders, idle_s=0.01)
    await session.frame(packets(begins=True), 2, 2)
    async with asyncio.timeout(20):
        while not decoders.released:  # noqa: ASYNC110 # a timer of the session
            await asyncio.sleep(0.002)
    await refused(session, packets(1), PacketsError, Reason.PACKETS_GAP)


async def test_a_session_that_decodes_for_long_is_not_idle():
    decoders = FakeDecoders()
    session = PacketSession(decoders, idle_s=0.01)
    await session.frame(packets(begins=True), 2, 2)
    decoders.gate.clear()
    asked = asyncio.create_task(session.frame(packets(1), 2, 2))
    await asyncio.sleep(0.03)
    decoders.gate.set()
    await asked
    assert decoders.released == []
    session.end()
