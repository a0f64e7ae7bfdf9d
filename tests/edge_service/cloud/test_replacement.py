"""A connection is replaced before it ends: by age, and at once after a loss that another replica survives."""

import asyncio
import contextlib
import itertools
import time

import pytest

from edge_service import AgentConfig, CloudUnreachableError
from edge_service.cloud.link import CloudLink
from edge_service.cloud.replacement import leads_elsewhere
from edge_service.cloud.seam import Beat, Refusal
from edge_service.compute import EdgeCompute
from edge_service.control import CloudLost, ConnectionReplaced, Controller, Duty, Flow, ReplicaAnswers
from edge_service.errors import CloudRefusedError, CloudSilentError, CloudUntrustedError
from edge_service.output.metrics import EdgeMetrics
from edge_service.parts import Parts
from edge_service.wire_costs import WireCosts
from split_wire import Encoding
from split_wire.limits import HEARTBEAT_INTERVAL_S

DRAINING = CloudRefusedError("bye", reason="DRAINING", retry_after_s=30.0)
RESET = CloudUnreachableError("reset")


class Hearing(Controller):
    """A controller that keeps what it hears."""

    def __init__(self, model):
        super().__init__(model.graph, tuple(1.0 for _ in model.graph.layers))
        self.heard = []

    def observe(self, event, now_s):
        self.heard.append(event)
        super().observe(event, now_s)

    def of(self, kind):
        return [event for event in self.heard if isinstance(event, kind)]


class Edge:
    """A link to a cloud with other servers; frames that leave it are kept by how."""

    def __init__(self, cloud, model, **settings):
        self.cloud, self.model = cloud, model
        self.answered_ids, self.finished_here, self.reasons = [], [], []
        self.metrics = EdgeMetrics(model.name, model.graph)
        config = AgentConfig(**{"silence_s": 60.0, **settings})
        self.controller = Hearing(model)
        self.flow = Flow(
            self.controller, silence_s=config.silence_s, heartbeat_s=HEARTBEAT_INTERVAL_S, longest_beat_s=5.0
        )
        raw = WireCosts((), frozenset(), Encoding.RAW)
        self.link = CloudLink(
            Parts(model, self.controller, EdgeCompute(), raw, config, self.metrics), cloud, self.flow, self
        )

    def answered(self, answer):
        if isinstance(answer, Refusal):
            return
        self.flow.not_sent(answer.frame_id, "answered", 1e9)  # it leaves the flow, unmeasured
        self.answered_ids.append(answer.frame_id)

    def finish_here(self, order):
        self.finished_here += order.frame_ids
        self.reasons.append(order.reason)

    def frame(self, frame_id):
        inputs = {
            value.layer: [(tensor.numpy(), value.dtype)]
            for value, tensor in zip(self.model.inputs, self.model.example_inputs, strict=True)
        }
        return self.cloud.encode(frame_id, inputs, ())

    async def send(self, frame_id, **fields):
        plan = self.controller.plan(0.0)
        self.flow.handed_over(frame_id, 100, plan, encode_s=0.0, now_s=asyncio.get_running_loop().time())
        frame = self.frame(frame_id)
        for name, value in fields.items():
            object.__setattr__(frame, name, value)
        await self.link.send(frame, 20.0)
        return frame

    def renewals(self, reason):
        return self.metrics.registry.get_sample_value("dads_stream_renewals_total", {"reason": reason})


@pytest.fixture
def cloud(manual_cloud, two_by_two):
    made = manual_cloud(two_by_two)
    made.others = True
    return made


@pytest.fixture
def edge(cloud, two_by_two):
    @contextlib.asynccontextmanager
    async def running(**settings):
        made = Edge(cloud, two_by_two, **settings)
        try:
            await made.link.start()
            cloud.streams[0].give(Beat(1.0, "A"))
            yield made
        finally:
            await made.link.close()

    return running


async def spoke(cloud, wait_until, number, replica="B"):
    """Waits for a stream and lets it say who serves it."""
    await wait_until(lambda: len(cloud.streams) == number + 1)
    cloud.streams[number].give(Beat(1.0, replica))
    return cloud.streams[number]


async def test_an_old_connection_is_replaced_before_it_ends(edge, cloud, wait_until):
    async with edge(stream_max_age_s=1.0) as made:
        old = cloud.streams[0]
        first = await made.send(0)
        await wait_until(lambda: len(cloud.streams) == 2)
        assert (made.link.stream, old.cancelled) == (1, False), "until the new one speaks, the old one is used"
        second = await made.send(1)
        assert old.sent == [first, second]
        new = await spoke(cloud, wait_until, 1)
        await wait_until(lambda: made.link.stream == 2)
        third = await made.send(2)
        assert new.sent == [third]
        assert cloud.pulses[0].cancelled
        old.answer(second)
        new.answer(third)
        await wait_until(lambda: len(made.answered_ids) == 2)
        assert not old.cancelled
        old.answer(first)
        await wait_until(lambda: old.cancelled)
        assert sorted(made.answered_ids) == [0, 1, 2]
        assert made.finished_here == []
        assert made.renewals("age") == 1
        assert made.controller.of(ReplicaAnswers) == [ReplicaAnswers("A"), ReplicaAnswers("B")]
        assert made.controller.of(ConnectionReplaced)
        assert made.link.last_error is None


async def test_what_the_new_connection_promised_before_it_was_used_counts(edge, cloud, wait_until):
    async with edge(stream_max_age_s=1.0, silence_s=0.8) as made:
        await wait_until(lambda: len(cloud.streams) == 2)
        cloud.pulses[1].give(Beat(1.0, "B", next_s=5.0))
        cloud.streams[1].give(Beat(1.0, "B", next_s=5.0))
        await wait_until(lambda: made.link.stream == 2)
        now_s = time.monotonic()
        assert made.flow.duty(now_s + 2.0) is not Duty.GIVE_UP
        assert made.flow.duty(now_s + 5.5) is Duty.GIVE_UP


async def test_where_no_other_can_be_had_an_old_connection_stays(edge, cloud, wait_until):
    cloud.others = False
    async with edge(stream_max_age_s=1.0) as made:
        await wait_until(lambda: cloud.count("another") == 1)
        frame = await made.send(0)
        cloud.streams[0].answer(frame)
        await wait_until(lambda: made.answered_ids == [0])
        assert len(cloud.streams) == 1
        assert made.link.last_error is None


@pytest.mark.parametrize(("error", "reason"), [(DRAINING, "draining"), (RESET, "lost")])
async def test_a_loss_that_another_replica_survives_costs_no_frame(edge, cloud, wait_until, error, reason):
    async with edge() as made:
        frames = [await made.send(frame_id) for frame_id in range(3)]
        cloud.streams[0].give(error)
        new = await spoke(cloud, wait_until, 1)
        await wait_until(lambda: len(new.sent) == 3)
        assert new.sent == frames
        for frame in frames:
            new.answer(frame)
        await wait_until(lambda: made.answered_ids == [0, 1, 2])
        assert made.finished_here == []
        assert not made.controller.of(CloudLost)
        assert made.renewals(reason) == 1
        assert cloud.streams[0].cancelled


async def test_a_frame_waits_a_little_for_the_new_stream(edge, cloud, wait_until):
    async with edge() as made:
        cloud.streams[0].give(RESET)
        await wait_until(lambda: made.link._connection.broken)
        sending = asyncio.create_task(made.send(0))
        new = await spoke(cloud, wait_until, 1)
        assert new.sent == [await sending]


async def test_a_frame_is_sent_again_once_and_never_as_packets(edge, cloud, wait_until):
    async with edge() as made:
        await made.send(0)
        await made.send(1, kind="packets")
        cloud.streams[0].give(RESET)
        second = await spoke(cloud, wait_until, 1)
        await wait_until(lambda: made.finished_here == [1])
        second.answer(await made.send(2))  # an answer: another attempt at once is allowed
        await wait_until(lambda: made.answered_ids == [2])
        second.give(RESET)
        third = await spoke(cloud, wait_until, 2, "C")
        await wait_until(lambda: made.finished_here == [1, 0])
        assert third.sent == []
        assert set(made.reasons) == {"reset"}


async def test_two_losses_in_a_row_without_an_answer_open_the_breaker(edge, cloud, wait_until):
    async with edge() as made:
        await made.send(0)
        cloud.streams[0].give(RESET)
        new = await spoke(cloud, wait_until, 1)
        await wait_until(lambda: new.sent)
        new.give(RESET)
        await wait_until(lambda: made.finished_here == [0])
        assert made.controller.of(CloudLost) == [CloudLost("reset", None)]


async def test_if_all_are_draining_the_wait_asked_for_is_kept(edge, cloud, wait_until):
    async with edge() as made:
        await made.send(0)
        cloud.streams[0].give(RESET)
        for number in range(1, 4):
            await wait_until(lambda number=number: len(cloud.streams) == number + 1)
            cloud.streams[number].give(DRAINING)
        await wait_until(lambda: made.finished_here == [0])
        assert made.controller.of(CloudLost) == [CloudLost("bye", 30.0)]
        assert all(stream.cancelled for stream in cloud.streams)


async def test_a_balancer_that_leads_to_the_draining_one_again_is_asked_again(edge, cloud, wait_until):
    async with edge() as made:
        frame = await made.send(0)
        cloud.streams[0].give(DRAINING)
        await wait_until(lambda: len(cloud.streams) == 2)
        cloud.streams[1].give(DRAINING)
        new = await spoke(cloud, wait_until, 2)
        await wait_until(lambda: new.sent == [frame])
        assert made.finished_here == []


async def test_a_drain_without_others_is_a_drain_and_no_other_loss(edge, cloud, wait_until):
    cloud.others = False
    async with edge() as made:
        cloud.streams[0].give(DRAINING)
        await wait_until(lambda: made.controller.of(CloudLost))
        assert made.controller.of(CloudLost) == [CloudLost("bye", 30.0)]


async def test_after_silence_frames_are_finished_here_and_another_is_tried(edge, cloud, wait_until):
    async with edge(silence_s=0.3) as made:
        await made.send(0)
        await wait_until(lambda: made.finished_here == [0])
        new = await spoke(cloud, wait_until, 1)
        await wait_until(lambda: made.link.stream == 2)
        assert made.renewals("silent") == 1
        assert not made.controller.of(CloudLost)
        assert new.sent == []


async def test_a_pulse_of_another_replica_says_nothing_of_the_one_that_answers(edge, cloud, wait_until):
    async with edge(silence_s=0.6) as made:
        await wait_until(lambda: made.controller.of(ReplicaAnswers))

        def silent():
            cloud.pulses[0].give(Beat(1.0, "C"))
            return len(cloud.streams) > 1

        await wait_until(silent)
        assert made.link._connection.broken is not None


async def test_what_is_given_up_at_a_deadline_is_awaited_on_no_old_connection(edge, cloud, wait_until):
    async with edge(stream_max_age_s=1.0) as made:
        await made.send(0)
        new = await spoke(cloud, wait_until, 1)
        await wait_until(lambda: made.link.stream == 2)
        made.link.renew()
        assert cloud.streams[0].cancelled
        assert new.cancelled
        assert made.renewals("late") == 1


async def test_what_is_given_up_at_a_deadline_is_not_sent_again(edge, cloud, wait_until):
    async with edge() as made:
        for frame_id in range(2):
            await made.send(frame_id)
        cloud.streams[0].give(RESET)
        await wait_until(lambda: len(cloud.streams) == 2)
        new, clogged, taken = cloud.streams[1], asyncio.Event(), asyncio.Event()

        async def send(frame, timeout_s):
            clogged.set()
            await taken.wait()
            raise CloudUnreachableError("cancelled")

        new.send = send
        new.give(Beat(1.0, "B"))
        await clogged.wait()
        repeating = made.link._replacement._task
        made.link.renew()
        taken.set()
        await asyncio.wait({repeating})
        assert not cloud.streams[2].sent


async def test_closing_in_the_middle_of_a_replacement_ends_everything(edge, cloud, wait_until):
    before = asyncio.all_tasks()
    async with edge() as made:
        await made.send(0)
        cloud.streams[0].give(RESET)
        await wait_until(lambda: len(cloud.streams) == 2)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert all(stream.cancelled for stream in itertools.chain(cloud.streams, cloud.pulses))


async def test_the_profile_of_a_replica_that_sent_none_is_asked_for(edge, cloud, wait_until):
    async with edge() as made:
        asked = cloud.count("profile")
        await wait_until(lambda: cloud.count("profile") > asked)
        assert made.link.last_error is None


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [
        (RESET, True),
        (CloudSilentError("late"), True),
        (DRAINING, True),
        (CloudUntrustedError("another CA"), False),
        (CloudRefusedError("full", reason="OVERLOADED"), False),
    ],
)
def test_what_another_replica_may_not_have(error, elsewhere):
    assert leads_elsewhere(error) is elsewhere
