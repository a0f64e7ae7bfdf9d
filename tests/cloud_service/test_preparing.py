"""A server whose engine makes a session for each cut: the cut's first frame waits, and is told how long."""

import asyncio

import numpy as np
import pytest
from google.rpc.status_pb2 import Status

from split_model import Preparation
from split_wire import encode_tensor, split_pb2

X = np.arange(6, dtype=np.uint8).reshape(1, 6)


@pytest.fixture
def making(model):
    """The fake model on an engine that makes sessions, which has those of the start."""
    model.engine.preparation = Preparation.AWAITED
    model.engine.sessions.set()
    return model


@pytest.fixture
def pair():
    """The feeds of a cut that no server prepares unasked."""
    return [encode_tensor("pair", np.float32(X + 1 + i), index=i).message() for i in range(2)]


async def session_began(model):
    assert await asyncio.to_thread(model.engine.preparing.acquire, timeout=20)


async def serving(model):
    """Forget the session that the start made; from now on sessions wait for the test."""
    await session_began(model)
    model.engine.sessions.clear()


async def test_the_first_frame_of_a_cut_waits_and_is_told(making, serve, ask, pair):
    async with serve(making) as (_, stub):
        await serving(making)
        call = stub.RunTail(ask(tensors=pair, outputs=["out"]))
        await session_began(making)
        for _ in range(30):  # meanwhile time passes, and the server goes on
            await stub.GetProfile(split_pb2.GetProfileRequest(model=making.name))
        making.engine.sessions.set()
        first = (await call).timing
        second = (await stub.RunTail(ask(tensors=pair, outputs=["out"]))).timing
    assert first.prepare_s > 0
    assert second.prepare_s == 0
    parts_s = first.queue_s + first.decode_s + first.prepare_s + first.compute_s + first.encode_s
    assert parts_s <= first.total_s, "what was prepared is counted once"


async def test_a_run_that_waits_in_the_engine_tells_it_too(model, serve, ask):
    model.engine.waits_s = 0.25
    async with serve(model) as (_, stub):
        timing = (await stub.RunTail(ask())).timing
    assert (timing.prepare_s, timing.compute_s) == (0.25, 0.0)


async def test_a_frame_that_waited_is_no_sample_of_the_load(model, serve, ask, monkeypatch):
    async with serve(model) as (server, stub):
        samples = []
        monkeypatch.setattr(server._load, "observe", lambda now_s, **sample: samples.append(sample))
        for model.engine.waits_s, count in ((0.25, 0), (0.0, 1)):
            await stub.RunTail(ask())
            assert len(samples) == count


async def test_what_was_prepared_at_the_start_has_no_wait(making, serve, ask):
    async with serve(making) as (_, stub):
        await serving(making)
        assert (await stub.RunTail(ask())).timing.prepare_s == 0


async def test_a_frame_that_expires_while_its_session_is_made_is_not_computed(
    making, serve, frame, answers, details, pair
):
    async with serve(making) as (_, stub):
        await serving(making)
        call = stub.StreamTails()
        await call.write(frame(1, timeout_s=0.05, tensors=pair, outputs=["out"]))
        await session_began(making)
        await asyncio.sleep(0.06)  # nothing tells that a deadline passed
        making.engine.sessions.set()
        (expired,) = await answers(call, 1)
        status = Status.FromString(expired.error.status)
        assert (status.code, details(status)[0].reason) == (4, "EXPIRED")
        assert "while the server prepared this cut" in status.message
        await call.write(frame(2, timeout_s=20, tensors=pair, outputs=["out"]))
        (answered,) = await answers(call, 1)
        assert answered.result.timing.prepare_s == 0, "the session was made all the same"
        call.cancel()
    assert len(making.ran) == 1


async def test_a_session_that_is_made_takes_a_place(making, serve, ask, refusal, pair, wait_for):
    """So a flood of cuts is refused like any flood, and no more sessions are made at once than tails are computed."""
    async with serve(making, max_concurrency=1, max_queue=1) as (server, stub):
        await serving(making)
        running = stub.RunTail(ask(tensors=pair, outputs=["out"]))
        await session_began(making)
        queued = stub.RunTail(ask(outputs=["out"]))
        await wait_for(lambda: server._admission.admitted == 2)
        assert (await refusal(stub.RunTail(ask(outputs=["parts.0"]))))[:2] == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert not making.engine.preparing.acquire(blocking=False)
        making.engine.sessions.set()
        assert (await running).outputs
        assert (await queued).outputs


async def test_a_request_that_is_refused_makes_no_session(making, serve, ask, refusal, pair):
    async with serve(making) as (_, stub):
        await serving(making)
        assert (await refusal(stub.RunTail(ask(tensors=pair))))[1] == "MISSING_TENSOR"
        assert (await refusal(stub.RunTail(ask(tensors=pair[:1], outputs=["out"]))))[1] == "MISSING_TENSOR"
        assert not making.engine.preparing.acquire(blocking=False)


async def test_a_session_that_cannot_be_made_fails_its_frame_alone(making, serve, ask, refusal, pair, monkeypatch):
    async with serve(making) as (_, stub):

        def fails(specs):
            raise RuntimeError("no kernel")

        monkeypatch.setattr(making.engine, "prepare", fails)
        assert (await refusal(stub.RunTail(ask(tensors=pair, outputs=["out"]))))[1] == "INTERNAL"
        assert (await stub.RunTail(ask())).outputs
