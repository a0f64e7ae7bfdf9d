"""Frames through the three stages: bounds, deadlines, late and broken answers; and two-sided models over real gRPC."""

import asyncio
import contextlib
import dataclasses
import itertools
import threading

import numpy as np
import pytest
import torch

import split_model
from edge_service import Agent, AgentConfig, CloudUnreachableError, Outcome, Verifier
from edge_service.cloud.client import GrpcCloud
from edge_service.cloud.seam import Refusal
from edge_service.compute import EdgeCompute
from edge_service.control import (
    AnswerMissed,
    CloudBusy,
    CloudLoadReported,
    Controller,
    HeadMeasured,
    Mode,
    OverheadMeasured,
    Phase,
    Plan,
    TailMeasured,
    UploadStalled,
)
from edge_service.errors import CloudRefusedError
from edge_service.output.metrics import EdgeMetrics
from edge_service.parts import Parts
from edge_service.pipeline import encoding
from edge_service.pipeline.pipeline import Pipeline
from edge_service.wire_costs import measure_wire_costs
from link_emulator import LinkEmulator, Trace
from partitioner import CostProfile, Link, evaluate

FAR_S = 60.0


class Dictator:
    """In the controller's place: every frame gets the plan that the test wants."""

    def __init__(self, model, edge, **fields):
        self.model = model
        self.heard = []
        self.rtt_s = 0.0
        self.state_ = Controller(model.graph, tuple(1.0 for _ in model.graph.layers)).state(0.0)
        self.fields = {"deadline_s": FAR_S, "in_flight": 3, **fields}
        self.use(edge)

    def use(self, edge, **fields):
        self.fields |= fields
        layers = self.model.graph.layers
        costs = CostProfile(tuple(1e-3 for _ in layers), tuple(1e-3 for _ in layers))
        partition = evaluate(self.model.graph, costs, Link(1e9), frozenset(edge))
        given = {
            "partition": partition,
            "mode": Mode.LIGHT,
            "keeps_up": True,
            "max_rate_hz": 9.0,
            "serial": 0,
            "changed": False,
            "phase": Phase.OFFLOADING,
            "uplink_bps": 1e9,
            "edge_load": 1.0,
            "cloud_load": 1.0,
        }
        self.plan_ = Plan(**{**given, **self.fields})

    def plan(self, now_s, *, packets_ready=False):
        return self.plan_

    def work_due(self, now_s):
        return None

    def state(self, now_s):
        return self.state_

    def observe(self, event, now_s):
        self.heard.append(event)

    def down_probe_due(self, now_s):
        return None

    def probe_due(self, now_s):
        return None

    def profile_due(self, now_s):
        return False

    def ping_due(self, now_s):
        return False

    def others_answer(self):
        return False

    def reconnect_due(self, now_s):
        return False

    def of(self, kind):
        return [event for event in self.heard if isinstance(event, kind)]


class Run:
    """A pipeline in operation, and what it told."""

    def __init__(self, model, cloud, controller, **settings):
        self.cloud = cloud
        self.controller = controller
        self.results = []
        self.compute = EdgeCompute()
        self.metrics = EdgeMetrics(model.name, model.graph)
        config = AgentConfig(**{"silence_s": FAR_S, "max_waiting": 16, "keep_inputs": True, **settings})
        raw = measure_wire_costs(model, (model.example_inputs,), AgentConfig(encodings="raw"))
        parts = Parts(model, controller, self.compute, raw, config, self.metrics)
        self.pipeline = Pipeline(parts, () if cloud is None else (cloud,), self.results.append)

    def outcomes(self):
        return {result.frame_id: result.outcome for result in self.results}

    @property
    def sent(self):
        return [frame for tails in self.cloud.streams for frame in tails.sent]

    async def settle(self):
        """Lets every head that may start run: they pass through the same thread, one after another."""
        for _ in range(20):
            await self.compute.run(lambda: None)


def inputs_of(model):
    return frozenset(value.layer for value in model.inputs)


def everything(model):
    return frozenset(layer.name for layer in model.graph.layers)


@pytest.fixture
def running(two_by_two, manual_cloud):
    """A pipeline whose every frame is cut at the inputs, unless told otherwise."""

    @contextlib.asynccontextmanager
    async def entered(model=two_by_two, *, edge=None, plan=(), **settings):
        controller = Dictator(model, inputs_of(model) if edge is None else edge, **dict(plan))
        run = Run(model, manual_cloud(model), controller, **settings)
        await run.pipeline.start()
        try:
            yield run
        finally:
            await run.pipeline.close()
            run.compute.close()

    return entered


def check_right(model, results):
    verifier = Verifier(model)
    for result in results:
        verifier.add(result)
    found = verifier.outcome()
    assert found.checked == sum(result.outcome.has_result for result in results)
    assert found.different == 0, found.first


async def test_no_more_frames_are_in_flight_than_planned(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"in_flight": 3}) as run:
        for frame_id in range(7):
            run.pipeline.put(frame_id, random_inputs(two_by_two, frame_id))
        await wait_until(lambda: len(run.sent) == 3)
        for answered in range(4):
            await run.settle()
            assert len(run.sent) == 3 + answered
            run.cloud.streams[0].answer(run.sent[answered])
            await wait_until(lambda answered=answered: len(run.sent) == 4 + answered)
        for frame in run.sent[4:]:
            run.cloud.streams[0].answer(frame)
        await wait_until(lambda: len(run.results) == 7)
        assert set(run.outcomes().values()) == {Outcome.OFFLOADED}
        check_right(two_by_two, run.results)


async def test_what_encoding_takes_beyond_its_price_is_the_calls_overhead(
    running, two_by_two, random_inputs, wait_until
):
    async with running() as run:
        told = []
        for foreseen_s in (0.0, 5.0):  # this partition has no time for encoding; then one with more than it takes
            planned = dataclasses.replace(run.controller.plan_.partition, encode_s=foreseen_s, edge_s=foreseen_s)
            run.controller.use(inputs_of(two_by_two), partition=planned)
            run.pipeline.put(len(told), random_inputs(two_by_two))
            await wait_until(lambda: len(run.sent) == len(told) + 1)
            run.cloud.streams[0].answer(run.sent[-1])
            await wait_until(lambda: len(run.results) == len(told) + 1)
            told.append(run.controller.of(OverheadMeasured)[-1].seconds)
        besides = [result.times.server_s + result.times.decode_s for result in run.results]
        assert told == pytest.approx(
            [besides[0] + run.results[0].times.encode_s, besides[1] + run.results[1].times.encode_s - 5]
        )


async def test_the_configured_bound_is_kept_whatever_is_planned(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"in_flight": 16}, max_in_flight=2) as run:
        for frame_id in range(5):
            run.pipeline.put(frame_id, random_inputs(two_by_two))
        await wait_until(lambda: len(run.sent) == 2)
        await run.settle()
        assert len(run.sent) == 2


async def test_frames_being_finished_here_count_as_in_flight(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"in_flight": 2}) as run:
        for frame_id in range(4):
            run.pipeline.put(frame_id, random_inputs(two_by_two))
        await wait_until(lambda: len(run.sent) == 2)
        for frame in run.sent:
            run.cloud.streams[0].give(Refusal(frame.frame_id, CloudRefusedError("full", reason="OVERLOADED")))
        await wait_until(lambda: len(run.sent) == 4)
        assert run.outcomes() == {0: Outcome.LOCAL_FALLBACK, 1: Outcome.LOCAL_FALLBACK}


async def test_waiting_is_bounded_and_the_oldest_goes(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"in_flight": 1}, max_waiting=2) as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: len(run.sent) == 1)
        for frame_id in range(1, 8):
            run.pipeline.put(frame_id, random_inputs(two_by_two))
            assert len(run.pipeline._waiting) <= 2
        assert run.outcomes() == dict.fromkeys(range(1, 6), Outcome.DROPPED)
        assert all(result.partition is None and "newer frames" in result.error for result in run.results)
        for frame_id in (0, 6, 7):
            await wait_until(lambda frame_id=frame_id: run.sent and run.sent[-1].frame_id == frame_id)
            run.cloud.streams[0].answer(run.sent[-1])
        await wait_until(lambda: len(run.results) == 8)
        assert [run.outcomes()[frame_id] for frame_id in (0, 6, 7)] == [Outcome.OFFLOADED] * 3


async def test_past_its_deadline_a_frame_is_finished_here_and_the_stream_renewed(
    running, two_by_two, random_inputs, wait_until
):
    async with running(plan={"deadline_s": 0.15}) as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.results)
        (result,) = run.results
        assert result.outcome is Outcome.LOCAL_FALLBACK
        assert "no answer within" in result.error
        assert result.latency_s >= 0.15
        assert [tails.cancelled for tails in run.cloud.streams] == [True, False]
        assert run.controller.of(AnswerMissed) or run.controller.of(UploadStalled)
        check_right(two_by_two, run.results)
        late = run.sent[0]
        for tails in run.cloud.streams:
            tails.answer(late)
        run.controller.use(inputs_of(two_by_two), deadline_s=FAR_S)
        run.pipeline.put(1, random_inputs(two_by_two, 1))
        await wait_until(lambda: run.cloud.streams[1].sent)
        run.cloud.streams[1].answer(run.cloud.streams[1].sent[0])
        await wait_until(lambda: len(run.results) == 2)
        assert run.outcomes() == {0: Outcome.LOCAL_FALLBACK, 1: Outcome.OFFLOADED}, "the late answer changed nothing"


async def test_what_is_left_of_the_deadline_travels_with_the_frame(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"deadline_s": 30.0}) as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
        assert 0 < run.cloud.streams[0].timeouts_s[0] <= 30.0


async def test_a_lost_cloud_is_no_lost_frame(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"in_flight": 3}) as run:
        for frame_id in range(3):
            run.pipeline.put(frame_id, random_inputs(two_by_two, frame_id))
        await wait_until(lambda: len(run.sent) == 3)
        run.cloud.streams[0].give(CloudUnreachableError("connection reset"))
        await wait_until(lambda: len(run.results) == 3)
        assert set(run.outcomes().values()) == {Outcome.LOCAL_FALLBACK}
        assert all(result.error == "connection reset" for result in run.results)
        check_right(two_by_two, run.results)
        run.pipeline.put(3, random_inputs(two_by_two, 3))  # still planned to be offloaded, but there is no stream
        await wait_until(lambda: len(run.results) == 4)
        assert "not connected" in run.results[-1].error
        assert isinstance(run.pipeline.cloud_error, CloudUnreachableError)


async def test_a_stream_that_does_not_take_the_frame(running, two_by_two, random_inputs, wait_until):
    async with running() as run:
        run.cloud.streams[0].error = CloudUnreachableError("broken pipe")
        for frame_id in range(2):
            run.pipeline.put(frame_id, random_inputs(two_by_two))
            await wait_until(lambda frame_id=frame_id: len(run.results) == frame_id + 1)
        assert [(result.outcome, result.error) for result in run.results] == [
            (Outcome.LOCAL_FALLBACK, "broken pipe")
        ] * 2


@pytest.mark.parametrize("broken", ["unknown path", "missing path", "wrong shape"])
async def test_an_answer_that_cannot_be_read_is_finished_here(running, two_by_two, random_inputs, wait_until, broken):
    async with running() as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
        outputs = dict(run.cloud.answer_to(run.sent[0]).outputs)
        if broken == "unknown path":
            outputs["nothing.like.it"] = outputs["total"]
        elif broken == "missing path":
            del outputs["total"]
        else:
            outputs["total"] = outputs["total"][:, :1]
        run.cloud.streams[0].answer(run.sent[0], outputs=outputs)
        await wait_until(lambda: run.results)
        # What nobody asked for is left alone; what is missing or unreadable sends the frame back.
        assert run.outcomes() == {0: Outcome.OFFLOADED if broken == "unknown path" else Outcome.LOCAL_FALLBACK}
        check_right(two_by_two, run.results)


async def test_a_defect_while_an_answer_is_read_loses_no_frame(running, two_by_two, random_inputs, wait_until):
    async with running() as run:
        for frame_id in range(2):
            run.pipeline.put(frame_id, random_inputs(two_by_two, frame_id))
        await wait_until(lambda: len(run.sent) == 2)
        run.cloud.streams[0].answer(run.sent[0], outputs=None)  # nothing that an answer may hold
        await wait_until(lambda: len(run.results) == 2)
        assert set(run.outcomes().values()) == {Outcome.LOCAL_FALLBACK}
        assert all("reading answers failed" in result.error for result in run.results)
        check_right(two_by_two, run.results)


async def test_a_defect_while_an_answer_is_judged_loses_no_frame(running, two_by_two, random_inputs, wait_until):
    async with running() as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
        run.cloud.streams[0].answer(run.sent[0], server_s=None)
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: Outcome.LOCAL_FALLBACK}
        check_right(two_by_two, run.results)


@pytest.mark.parametrize(("asked_s", "heard"), [(0.25, CloudBusy(0.25)), (None, AnswerMissed())])
async def test_a_refusal_says_whether_to_wait_or_counts_as_a_failure(
    running, two_by_two, random_inputs, wait_until, asked_s, heard
):
    async with running() as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
        run.cloud.streams[-1].give(Refusal(0, CloudRefusedError("no", reason="OVERLOADED", retry_after_s=asked_s)))
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: Outcome.LOCAL_FALLBACK}
        assert [event for event in run.controller.heard if isinstance(event, CloudBusy | AnswerMissed)] == [heard]
        check_right(two_by_two, run.results)


async def test_an_answer_to_a_frame_nobody_knows_changes_nothing(running, two_by_two, random_inputs, wait_until):
    async with running() as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
        run.cloud.streams[0].answer(dataclasses.replace(run.sent[0], frame_id=999))
        run.cloud.streams[0].answer(run.sent[0])
        run.cloud.streams[0].answer(run.sent[0])
        await wait_until(lambda: run.results)
        run.cloud.streams[0].beat(7.0)
        await wait_until(lambda: CloudLoadReported(7.0) in run.controller.heard)
        assert run.outcomes() == {0: Outcome.OFFLOADED}
        assert len(run.results) == 1


async def test_a_cut_larger_than_a_message_is_finished_here(
    running, two_by_two, random_inputs, wait_until, monkeypatch
):
    monkeypatch.setattr(encoding, "_MOST_BYTES", 8)
    async with running() as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.results)
        assert run.sent == []
        assert "more than a message may have (8)" in run.results[0].error
        assert run.results[0].times.encode_s > 0.0
        check_right(two_by_two, run.results)


async def test_a_tensor_that_cannot_be_encoded_costs_its_frame_only(running, two_by_two, random_inputs, wait_until):
    async with running() as run:
        encode = run.cloud.encode

        def refuse(*_):
            raise ValueError("complex64 cannot be sent")

        run.cloud.encode = refuse
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.results, 5.0)
        assert run.results[0].outcome in (Outcome.LOCAL_FALLBACK, Outcome.FAILED)
        assert "complex64 cannot be sent" in run.results[0].error
        run.cloud.encode = encode
        run.pipeline.put(1, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)


async def test_a_transport_that_fails_in_a_new_way_costs_its_frame_only(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"deadline_s": 0.3}) as run:
        run.cloud.streams[0].error = RuntimeError("nobody thought of this")
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.results)
        assert run.results[0].outcome is Outcome.LOCAL_FALLBACK
        run.controller.use(inputs_of(two_by_two), deadline_s=FAR_S)
        run.cloud.streams[-1].error = None
        run.pipeline.put(1, random_inputs(two_by_two))
        await wait_until(lambda: run.cloud.streams[-1].sent, 2.0)


async def test_each_frame_carries_its_own_split(running, two_by_two, random_inputs, wait_until):
    async with running(plan={"in_flight": 8}) as run:
        edges = [inputs_of(two_by_two), everything(two_by_two), inputs_of(two_by_two), inputs_of(two_by_two)]
        for frame_id, edge in enumerate(edges):
            run.controller.use(edge)
            run.pipeline.put(frame_id, random_inputs(two_by_two, frame_id))
            await wait_until(lambda frame_id=frame_id: len(run.sent) + len(run.results) == frame_id + 1)
        for frame in run.sent:
            run.cloud.streams[0].answer(frame)
        await wait_until(lambda: len(run.results) == 4)
        by_id = sorted(run.results, key=lambda result: result.frame_id)
        assert [result.partition.edge for result in by_id] == edges
        assert [result.switched for result in by_id] == [False, True, True, False]
        assert by_id[1].outcome is Outcome.EDGE_ONLY
        check_right(two_by_two, by_id)


async def test_frames_go_on_while_a_search_for_a_better_split_computes(running, two_by_two, random_inputs, wait_until):
    released, ended = threading.Event(), []

    class Endless:
        def run(self):
            assert released.wait(60.0)
            return "found"

    searches = [search := Endless()]

    async with running() as run:
        run.controller.work_due = lambda now_s: searches.pop() if searches else None
        run.controller.work_ended = lambda *told: ended.append((*told[:2], threading.current_thread()))
        for frame_id in range(3):
            run.pipeline.put(frame_id, random_inputs(two_by_two))
            await wait_until(lambda count=frame_id + 1: len(run.sent) == count)
            run.cloud.streams[-1].answer(run.sent[-1])
            await wait_until(lambda count=frame_id + 1: len(run.results) == count)
        assert (searches, ended) == ([], [])
        released.set()
        await wait_until(lambda: ended)
    assert [result.outcome for result in run.results] == [Outcome.OFFLOADED] * 3
    assert ended == [(search, "found", threading.current_thread())]


async def test_a_search_that_fails_is_told_as_one_without_a_result(running, two_by_two, random_inputs, wait_until):
    class Fails:
        def run(self):
            raise RuntimeError("no split today")

    searches, found = [Fails()], []
    async with running() as run:
        run.controller.work_due = lambda now_s: searches.pop() if searches else None
        run.controller.work_ended = lambda search, what, now_s: found.append(what)
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: found)
    assert found == [None]


async def test_a_search_that_cannot_begin_is_told_as_one_without_a_result(
    running, two_by_two, random_inputs, wait_until, monkeypatch
):
    start, searches, found = threading.Thread.start, ["a search"], []

    def no_thread_left(thread):
        if thread.name == "split-planner":
            raise RuntimeError("can't start new thread")
        start(thread)

    async with running() as run:
        run.controller.work_due = lambda now_s: searches.pop() if searches else None
        run.controller.work_ended = lambda search, what, now_s: found.append((search, what))
        monkeypatch.setattr(threading.Thread, "start", no_thread_left)
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: found and run.sent)
    assert found == [("a search", None)]


async def test_a_policy_that_fails_costs_its_frame_only(running, two_by_two, random_inputs, wait_until):
    async with running() as run:
        chosen = run.controller.plan

        def fails(now_s, *, packets_ready):
            raise ZeroDivisionError("no rate")

        def fails_at_the_head(now_s, *, packets_ready):
            run.controller.plan = fails
            return chosen(now_s)

        for frame_id, plan in enumerate((fails, fails_at_the_head)):
            run.controller.plan = plan
            run.pipeline.put(frame_id, random_inputs(two_by_two))
            await wait_until(lambda count=frame_id + 1: len(run.results) == count)
        run.controller.plan = chosen
        run.pipeline.put(2, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
        assert run.outcomes() == dict.fromkeys(range(2), Outcome.FAILED)
        assert {result.error for result in run.results} == {"choosing a split failed: no rate"}


async def test_the_controller_hears_what_heads_and_tails_took(running, two_by_two, random_inputs, wait_until):
    middle = inputs_of(two_by_two) | {next(layer.name for layer in two_by_two.graph.layers if layer.inputs)}
    async with running(edge=middle) as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
        run.cloud.streams[0].answer(
            run.sent[0], decode_s=0.001, compute_s=0.004, server_s=0.01, queue_s=0.002, load_factor=3.0
        )
        await wait_until(lambda: run.results)
        plan, times = run.controller.plan_, run.results[0].times
        assert run.controller.of(HeadMeasured) == [HeadMeasured(plan.base_head_s, times.head_s)]
        assert run.controller.of(TailMeasured) == [TailMeasured(plan.base_cloud_s, 0.005, queue_s=0.002)]
        assert CloudLoadReported(3.0) in run.controller.heard


@pytest.mark.parametrize("error", [ValueError("too large"), MemoryError("no room")])
async def test_what_cannot_be_encoded_is_finished_here(running, two_by_two, random_inputs, wait_until, error):
    async with running() as run:

        def encode(*_):
            raise error

        run.cloud.encode = encode
        run.pipeline.put(0, random_inputs(two_by_two))
        run.pipeline.put(1, random_inputs(two_by_two))
        await wait_until(lambda: len(run.results) == 2)
        assert run.outcomes() == {0: Outcome.LOCAL_FALLBACK, 1: Outcome.LOCAL_FALLBACK}
        assert str(error) in run.results[0].error
        check_right(two_by_two, run.results)
        assert run.sent == []


async def test_the_stages_of_an_offloaded_frame_add_up_to_its_latency(running, two_by_two, random_inputs, wait_until):
    """Frames behind each other on the link: what each waits, sends and gets back covers its latency, nothing twice."""
    async with running(plan={"in_flight": 4}) as run:
        run.controller.state_ = dataclasses.replace(run.controller.state_, rtt_s=0.03)
        for frame_id in range(4):
            run.pipeline.put(frame_id, random_inputs(two_by_two))
        await wait_until(lambda: len(run.sent) == 4)
        loop = asyncio.get_running_loop()
        for frame in run.sent:
            due_s = loop.time() + 0.1
            await wait_until(lambda due_s=due_s: loop.time() >= due_s)
            run.cloud.streams[0].answer(frame, server_s=0.05, queue_s=0.01, compute_s=0.03)
        await wait_until(lambda: len(run.results) == 4)
        for result in run.results:
            stages = dataclasses.astuple(result.times)
            assert min(stages) >= 0
            total_s = sum(stages)
            assert total_s <= result.latency_s + 1e-6, "nothing is counted twice"
        waits_s = [result.times.link_wait_s for result in run.results]
        assert waits_s == sorted(waits_s)
        assert waits_s[0] == 0 < waits_s[1]
        for earlier, later in itertools.pairwise(run.results):
            assert later.times.transfer_s < later.latency_s - earlier.times.transfer_s


async def test_closing_ends_every_task(running, two_by_two, random_inputs, wait_until):
    before = asyncio.all_tasks()
    async with running() as run:
        run.pipeline.put(0, random_inputs(two_by_two))
        await wait_until(lambda: run.sent)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_without_a_cloud_an_offloading_plan_is_a_failed_frame_and_no_hang(two_by_two, random_inputs, wait_until):
    run = Run(two_by_two, None, Dictator(two_by_two, everything(two_by_two)))
    await run.pipeline.start()
    run.pipeline.put(0, random_inputs(two_by_two))
    await wait_until(lambda: run.results)
    assert run.results[0].outcome is Outcome.EDGE_ONLY
    await run.pipeline.close()
    run.compute.close()


@pytest.mark.parametrize("strategy", ["cloud_only", "adaptive"])
async def test_two_inputs_and_nested_outputs_over_a_real_server(serving, two_by_two, random_inputs, strategy):
    slow = split_model.Profile(tuple(1.0 if layer.inputs else 0.0 for layer in two_by_two.graph.layers), 1.0)
    config = AgentConfig(rate_hz=1.0, strategy=strategy, keep_inputs=True, max_waiting=16)
    async with (
        serving(two_by_two) as server,
        Agent(two_by_two, f"127.0.0.1:{server.port}", config, edge_profile=slow) as agent,
    ):
        results = [await agent.submit(*random_inputs(two_by_two, seed)) for seed in range(3)]
        burst = [agent.put(*random_inputs(two_by_two, seed)) for seed in range(3, 9)]
        results += await asyncio.gather(*burst)
    assert [result.frame_id for result in results] == list(range(9))
    assert results[0].outcome is Outcome.OFFLOADED
    assert {result.outcome for result in results} <= {Outcome.OFFLOADED, Outcome.LOCAL_FALLBACK}
    assert all(list(result.outputs) == ["total", "parts"] for result in results)
    check_right(two_by_two, results)
    for result in results:
        if result.outcome is Outcome.OFFLOADED:
            assert sum(dataclasses.astuple(result.times)) <= result.latency_s + 1e-6


async def test_every_cut_of_a_two_sided_model_over_a_real_server(serving, two_by_two, random_inputs, wait_until):
    """Each closed set is a split that may be planned; outputs computed here and there come back as one value."""
    graph = two_by_two.graph
    closed = [inputs_of(two_by_two)]
    for layer in graph.layers:
        if layer.inputs:
            closed += [edge | {layer.name} for edge in closed if edge.issuperset(layer.inputs)]
    async with serving(two_by_two) as server:
        names = [layer.name for layer in graph.layers]
        cloud = GrpcCloud(f"127.0.0.1:{server.port}", model=two_by_two.name, digest=two_by_two.digest, layers=names)
        controller = Dictator(two_by_two, closed[0])
        run = Run(two_by_two, cloud, controller)
        await run.pipeline.start()
        for frame_id, edge in enumerate(closed):
            controller.use(edge)
            run.pipeline.put(frame_id, random_inputs(two_by_two, frame_id))
            await wait_until(lambda frame_id=frame_id: len(run.results) == frame_id + 1)
        await run.pipeline.close()
        run.compute.close()
    expected = [Outcome.EDGE_ONLY if edge == everything(two_by_two) else Outcome.OFFLOADED for edge in closed]
    assert [result.outcome for result in run.results] == expected
    check_right(two_by_two, run.results)
    assert isinstance(run.results[0].outputs["parts"][0], np.ndarray)


class Large(torch.nn.Module):
    """An input far larger than every buffer between here and the cloud."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * 2).sum(-1)


async def test_an_upload_that_stalls_ends_neither_the_stage_nor_offloading(serving, random_inputs, wait_until):
    """The stream is cancelled while the transport still holds a write; the next frame must get through again."""
    model = split_model.model_of(Large().eval(), (torch.ones(1, 3_000_000),), name="made_here:large")
    stopped, open_again = Trace.constant(0.0), Trace.constant(1e9)
    controller = Dictator(model, inputs_of(model), deadline_s=0.5)
    async with (
        serving(model) as server,
        LinkEmulator(f"127.0.0.1:{server.port}", uplink=open_again, downlink=open_again) as link,
    ):
        layers = [layer.name for layer in model.graph.layers]
        run = Run(model, GrpcCloud(link.address, model=model.name, digest=model.digest, layers=layers), controller)
        await run.pipeline.start()
        try:
            link.set_uplink(stopped)
            run.pipeline.put(0, random_inputs(model))
            await wait_until(lambda: run.results)
            link.set_uplink(open_again)
            await wait_until(lambda: run.pipeline.cloud_error is None)
            controller.use(inputs_of(model), deadline_s=FAR_S)
            run.pipeline.put(1, random_inputs(model, 1))
            await wait_until(lambda: len(run.results) == 2)
        finally:
            await run.pipeline.close()
            run.compute.close()
    assert run.outcomes() == {0: Outcome.LOCAL_FALLBACK, 1: Outcome.OFFLOADED}
    check_right(model, run.results)
