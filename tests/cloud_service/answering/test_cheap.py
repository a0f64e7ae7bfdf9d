"""A cheap tail is answered on the event loop, as a thread would answer it."""

import threading

import numpy as np
import pytest

from cloud_service import tail_plans
from split_model import Profile
from split_wire import Encoding, encode_tensor, split_pb2


def fast_profile(model, *, repeats):
    return Profile((0.0, 0.0, 0.0, 0.0), 0.0)


@pytest.fixture
def threads(model, monkeypatch):
    """Names of the threads that ran tails, in order."""
    found = []
    value = model.value

    def noted(layer, values):
        found.append(threading.current_thread().name)
        return value(layer, values)

    monkeypatch.setattr(model, "value", noted)
    return found


def bare(answer):
    """What does not differ from run to run."""
    copy = split_pb2.StreamTailsResponse.FromString(answer.SerializeToString())
    for part in (copy.result, copy.error):
        part.ClearField("replica")
    copy.result.ClearField("timing")
    copy.result.ClearField("load_factor")
    return copy.SerializeToString(deterministic=True)


def asked(frame, model):
    """Good and bad frames, each with a number of its own."""
    x = encode_tensor("x", model.example_inputs[0]).message()
    short = encode_tensor("x", model.example_inputs[0]).message()
    short.data = short.data[:-1]
    packed = encode_tensor("x", np.zeros((1, 6), np.uint8), encoding=Encoding.ZSTD).message()
    packed.data = packed.data[:-1] + b"?"
    unknown = encode_tensor("y", model.example_inputs[0]).message()
    wrong = encode_tensor("x", np.zeros((2, 6), np.uint8)).message()
    return [
        frame(1),
        frame(2, outputs=["out"]),
        frame(3, tensors=[short]),
        frame(4, tensors=[packed]),
        frame(5, tensors=[unknown]),
        frame(6, tensors=[wrong]),
        frame(7, tensors=[x, x]),
        frame(8, tensors=[]),
        frame(9, digest="no"),
        frame(10, digest=""),
        frame(11, outputs=["nothing"]),
        frame(12, timeout_s=-1.0),
        frame(13, timeout_s=1e-9),
        frame(14),
    ]


async def test_answers_and_refusals_are_those_of_a_thread(model, serve, frame, answers, threads, monkeypatch):
    found = {}
    for cheap_s in (-1.0, 10.0):
        monkeypatch.setattr(tail_plans, "CHEAP_S", cheap_s)
        threads.clear()
        async with serve(model, measure=fast_profile) as (_, stub):
            await answers(stub.StreamTails(iter([frame(1), frame(2, outputs=["out"])])))
            threads.clear()
            got = await answers(stub.StreamTails(iter(asked(frame, model))))
        found[cheap_s] = {(each.result.frame_id or each.error.frame_id): bare(each) for each in got}
        on_the_loop = {name for name in threads if not name.startswith("tail")}
        assert bool(on_the_loop) is (cheap_s > 0)
    assert found[-1.0] == found[10.0]
    assert set(found[10.0]) == set(range(1, 15))


async def test_a_tail_that_is_dear_by_its_profile_keeps_its_thread(model, serve, frame, answers, threads, monkeypatch):
    monkeypatch.setattr(tail_plans, "CHEAP_S", 0.0001)
    async with serve(model) as (_, stub):
        for _ in range(3):
            await answers(stub.StreamTails(iter([frame(1)])))
    assert threads
    assert all(name.startswith("tail") for name in threads)
