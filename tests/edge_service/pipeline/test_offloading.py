"""Frames with several clouds: one that is lost, busy, draining or refuses costs no frame that another answers."""

import contextlib
import random

import pytest

from edge_service import Agent, AgentConfig, Outcome, Verifier
from edge_service.cloud.seam import Refusal
from edge_service.compute import EdgeCompute
from edge_service.control import Controller, ControllerConfig, Phase
from edge_service.control.policies import Adaptive, CloudOnly
from edge_service.errors import CloudRefusedError, CloudUnreachableError, TooLargeError, WrongTwinError
from edge_service.output.metrics import EdgeMetrics
from edge_service.parts import Parts
from edge_service.pipeline.pipeline import Pipeline
from edge_service.wire_costs import measure_wire_costs

FAR_S = 60.0
PATIENT = ControllerConfig(deadline_margin_s=30.0, longest_deadline_s=FAR_S)
NAMES = ("a:1", "b:1", "c:1")


class Run:
    """A pipeline with clouds by hand, whose every frame is to be computed in a cloud."""

    def __init__(self, model, clouds, seed, config=PATIENT, policy=None, **settings):
        self.model, self.clouds, self.results = model, clouds, []
        self.compute = EdgeCompute()
        self.controller = Controller(
            model.graph,
            tuple(1.0 for _ in model.graph.layers),
            config,
            policy=policy or CloudOnly(),
            clouds=len(clouds),
            rng=random.Random(seed),
        )
        settings = AgentConfig(**{"silence_s": FAR_S, "max_waiting": 16, "keep_inputs": True, **settings})
        raw = measure_wire_costs(model, (model.example_inputs,), AgentConfig(encodings="raw"))
        metrics = EdgeMetrics(model.name, model.graph)
        parts = Parts(model, self.controller, self.compute, raw, settings, metrics, clouds=NAMES[: len(clouds)])
        self.pipeline = Pipeline(parts, clouds, self.results.append)

    def sent(self, cloud):
        return [frame for tails in self.clouds[cloud].streams for frame in tails.sent]

    def holder(self, frame_id):
        """The clouds that were sent a frame."""
        return [i for i in range(len(self.clouds)) if any(frame.frame_id == frame_id for frame in self.sent(i))]

    def answer_all(self, cloud):
        for frame in self.sent(cloud):
            self.clouds[cloud].streams[-1].answer(frame)

    def outcomes(self):
        return {result.frame_id: (result.outcome, result.cloud) for result in self.results}

    def check_right(self):
        verifier = Verifier(self.model)
        for result in self.results:
            verifier.add(result)
        assert verifier.outcome().different == 0


@pytest.fixture
def running(two_by_two, manual_cloud):
    @contextlib.asynccontextmanager
    async def entered(count=2, *, seed=0, prepare=lambda clouds: None, **settings):
        clouds = [manual_cloud(two_by_two) for _ in range(count)]
        prepare(clouds)
        run = Run(two_by_two, clouds, seed, **settings)
        await run.pipeline.start()
        try:
            yield run
        finally:
            await run.pipeline.close()
            run.compute.close()

    return entered


async def handed_over(run, random_inputs, wait_until, frames=3):
    """Frames that are in flight, and the cloud that they were sent to."""
    for frame_id in range(frames):
        run.pipeline.put(frame_id, random_inputs(run.model, frame_id))
    await wait_until(lambda: any(len(run.sent(i)) >= 1 for i in range(len(run.clouds))))
    (first,) = run.holder(0)
    await wait_until(lambda: len(run.sent(first)) == frames or run.pipeline._offload.under_way == len(run.sent(first)))
    return first, [frame.frame_id for frame in run.sent(first)]


async def test_frames_of_a_lost_cloud_wait_for_no_other_connection_to_it_if_another_cloud_answers(
    running, random_inputs, wait_until
):
    async with running() as run:
        first, frames = await handed_over(run, random_inputs, wait_until)
        run.clouds[first].others = True
        run.clouds[first].streams[-1].give(CloudUnreachableError("killed"))
        await wait_until(lambda: len(run.sent(1 - first)) >= len(frames))
        assert "another" not in {name for name, _ in run.clouds[first].calls}
        assert len(run.sent(first)) == len(frames), "none was sent there again"


async def test_frames_are_sent_again_to_the_only_cloud_that_is_left(running, random_inputs, wait_until):
    async with running() as run:
        first, frames = await handed_over(run, random_inputs, wait_until)
        other = 1 - first
        run.clouds[other].error = CloudUnreachableError("killed")
        run.clouds[other].streams[-1].give(CloudUnreachableError("killed"))
        await wait_until(lambda: not run.controller.others_answer(first))
        run.clouds[first].others = True
        broken = run.clouds[first].streams[-1]
        broken.give(CloudUnreachableError("reset"))
        await wait_until(lambda: run.clouds[first].streams[-1] is not broken)
        run.clouds[first].streams[-1].beat()
        await wait_until(lambda: [frame.frame_id for frame in run.sent(first)].count(frames[0]) == 2)


@pytest.mark.parametrize("seed", range(2))
async def test_frames_in_flight_at_a_lost_cloud_are_answered_by_the_other(running, random_inputs, wait_until, seed):
    async with running(seed=seed) as run:
        first, frames = await handed_over(run, random_inputs, wait_until)
        other = 1 - first
        run.clouds[first].error = CloudUnreachableError("killed")
        run.clouds[first].streams[-1].give(CloudUnreachableError("killed"))
        await wait_until(lambda: len(run.sent(other)) >= len(frames))
        assert [frame.frame_id for frame in run.sent(other)][: len(frames)] == frames, "in their order"
        for frame in run.sent(first):
            run.clouds[first].streams[-1].answer(frame)  # what was lost answers after all: no result comes of it
        answered = set()
        while len(run.results) < 3:
            for frame in run.sent(other):
                if frame.frame_id not in answered:
                    answered.add(frame.frame_id)
                    run.clouds[other].streams[-1].answer(frame)
            await wait_until(lambda: len(run.results) == 3 or len(run.sent(other)) > len(answered))
        assert run.outcomes() == dict.fromkeys(range(3), (Outcome.OFFLOADED, NAMES[other]))
        assert run.results[0].times.link_wait_s > 0.0, "the time at the first cloud"
        run.check_right()


@pytest.mark.parametrize(
    "error",
    [
        CloudRefusedError("full", reason="OVERLOADED", retry_after_s=5.0),
        CloudRefusedError("going", reason="DRAINING", retry_after_s=1.0),
        CloudRefusedError("loading", reason="STARTING"),
        CloudRefusedError("broken", reason="INTERNAL"),
        WrongTwinError("another model"),
    ],
    ids=lambda error: getattr(error, "reason", "twin"),
)
async def test_a_refusal_of_the_clouds_own_sends_the_frame_to_the_other(running, random_inputs, wait_until, error):
    async with running() as run:
        first, _ = await handed_over(run, random_inputs, wait_until, frames=1)
        other = 1 - first
        run.clouds[first].streams[-1].give(Refusal(0, error))
        await wait_until(lambda: run.sent(other))
        run.answer_all(other)
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: (Outcome.OFFLOADED, NAMES[other])}
        run.check_right()


@pytest.mark.parametrize(
    "error",
    [CloudRefusedError("bad", reason="BAD_TENSOR"), TooLargeError("too large", reason="ANSWER_TOO_LARGE")],
    ids=lambda error: error.reason,
)
async def test_a_refusal_of_the_frame_is_not_tried_elsewhere(running, random_inputs, wait_until, error):
    async with running() as run:
        first, _ = await handed_over(run, random_inputs, wait_until, frames=1)
        run.clouds[first].streams[-1].give(Refusal(0, error))
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: (Outcome.LOCAL_FALLBACK, None)}
        assert not run.sent(1 - first)


async def test_a_frame_is_tried_once_at_each_cloud_and_then_finished_here(running, random_inputs, wait_until):
    full = CloudRefusedError("full", reason="OVERLOADED", retry_after_s=5.0)
    async with running(3) as run:
        run.pipeline.put(0, random_inputs(run.model))
        for tries in range(1, 4):
            await wait_until(lambda tries=tries: len(run.holder(0)) == tries)
            for cloud in run.clouds:
                cloud.streams[-1].give(Refusal(0, full))
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: (Outcome.LOCAL_FALLBACK, None)}
        assert [len(run.sent(i)) for i in range(3)] == [1, 1, 1]
        run.check_right()


async def test_a_picture_that_cannot_be_prepared_for_another_cloud_fails_its_frame_and_no_other(
    running, random_inputs, wait_until
):
    async with running() as run:
        first, _ = await handed_over(run, random_inputs, wait_until, frames=1)
        offloads = run.pipeline._offload._offloads
        started = offloads[first]._in_flight[0].started
        started.values = None  # as for a frame that was sent as packets
        offloads[1 - first].speaks_like = lambda other: False
        offloads[first]._in_flight[0].inputs = ("no", "pictures")
        run.clouds[first].streams[-1].give(Refusal(0, CloudRefusedError("bye", reason="DRAINING", retry_after_s=5.0)))
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: (Outcome.FAILED, None)}


async def test_past_its_deadline_a_frame_goes_nowhere_else(running, random_inputs, wait_until):
    hasty = ControllerConfig(deadline_margin_s=0.05, longest_deadline_s=0.06)
    async with running(config=hasty) as run:
        run.pipeline.put(0, random_inputs(run.model))
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: (Outcome.LOCAL_FALLBACK, None)}
        assert len(run.holder(0)) == 1


async def test_a_cloud_with_another_model_is_left_out_and_one_is_enough(running, random_inputs, wait_until):
    def prepare(clouds):
        clouds[0].error = WrongTwinError("the digests differ")

    async with running(prepare=prepare, require_cloud=True) as run:
        state = run.controller.state(FAR_S)
        assert [each.phase for each in state.clouds] == [Phase.ALONE, Phase.OFFLOADING]
        assert run.pipeline.cloud_error is None
        first, _ = await handed_over(run, random_inputs, wait_until, frames=1)
        assert first == 1


async def test_a_cloud_that_comes_later_is_used_although_one_was_required(running, random_inputs, wait_until):
    def prepare(clouds):
        clouds[0].error = CloudUnreachableError("not yet there")

    async with running(prepare=prepare, require_cloud=True) as run:
        run.clouds[0].error = None
        await wait_until(lambda: run.controller.state(FAR_S).clouds[0].phase is Phase.OFFLOADING)
        await handed_over(run, random_inputs, wait_until, frames=1)
        run.clouds[1].error = CloudUnreachableError("killed")
        run.clouds[1].streams[-1].give(run.clouds[1].error)
        await wait_until(lambda: run.sent(0))
        run.answer_all(0)
        await wait_until(lambda: run.results)
        assert run.outcomes() == {0: (Outcome.OFFLOADED, NAMES[0])}


async def test_where_a_cloud_is_required_one_must_answer(running):
    def prepare(clouds):
        for cloud in clouds:
            cloud.error = CloudUnreachableError("nobody there")

    with pytest.raises(CloudUnreachableError, match="nobody there"):
        async with running(prepare=prepare, require_cloud=True):
            pass


async def test_no_two_probes_are_on_the_uplink_at_once(running, wait_until):
    """Each would measure half the rate."""
    under_way, most = 0, 0

    def prepare(clouds):
        def watched(probe):
            async def call(size, timeout_s):
                nonlocal under_way, most
                under_way, most = under_way + 1, max(most, under_way + 1)
                try:
                    await wait_until(lambda: True)
                    return await probe(size, timeout_s)
                finally:
                    under_way -= 1

            return call

        for cloud in clouds:
            cloud.probe = watched(cloud.probe)

    async with running(3, prepare=prepare, policy=Adaptive()) as run:
        await wait_until(lambda: all(cloud.count("probe") for cloud in run.clouds))
        assert most == 1


async def test_two_real_clouds_of_which_one_dies(easy_net, serving, random_inputs, wait_until):
    config = AgentConfig(policy="cloud_only", keep_inputs=True, max_waiting=16)
    async with serving(easy_net) as one, serving(easy_net) as two:
        servers = {f"127.0.0.1:{server.port}": server for server in (one, two)}
        async with Agent(easy_net, ",".join(servers), config) as agent:
            results = [await agent.submit(*random_inputs(easy_net, seed)) for seed in range(3)]
            used = results[-1].cloud
            (spare,) = servers.keys() - {used}
            await servers[used].stop(0)
            results += [await agent.submit(*random_inputs(easy_net, seed)) for seed in range(3, 9)]
            assert {result.outcome for result in results} == {Outcome.OFFLOADED}
            assert {result.cloud for result in results[3:]} == {spare}
            answered = agent.metrics.registry.get_sample_value("dads_cloud_frames_total", {"cloud": spare})
            assert answered == sum(result.cloud == spare for result in results)
        verifier = Verifier(easy_net)
        for result in results:
            verifier.add(result)
        assert verifier.outcome().different == 0
