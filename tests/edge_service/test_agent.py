"""The agent against a cloud that runs in this process and can be told to misbehave."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
import torch

import split_model
from edge_service import Agent, AgentClosedError, AgentConfig, CloudUnreachableError, InputError, Outcome, Verifier
from edge_service.cloud.seam import ALL_RAW, Answer, Beat, CloudProfile, FrameToSend, ProbeReading, Refusal, StreamEvent
from edge_service.control import Policy
from edge_service.control.policies import Given, keep_to
from edge_service.errors import CloudRefusedError, EngineError, PolicyError, WrongTwinError
from split_model import arrays_of

# So slow that the cloud wins while it is there, even when the measured times have scaled this down by 20.
EDGE_LAYER_S = 1.0


class FakeCloud:
    """Runs tails here; `answering`, `reachable` and `refusing` say how it behaves."""

    def __init__(self, model: split_model.Model) -> None:
        self.model = model
        self.reachable = True
        self.answering = True
        self.beating = True
        self.refusing = False
        self.wrong_twin = False
        self.shuffled = False
        self.uplink_bps = 1e9
        self.calls: list[str] = []
        self.streams = 0
        self.live: set[FakeTails] = set()

    async def profile(self, timeout_s: float) -> CloudProfile:
        self.calls.append("profile")
        self._check()
        if self.wrong_twin:
            raise WrongTwinError("digests differ")
        return CloudProfile(tuple(1e-6 for _ in self.model.graph.layers), 1.0)

    async def ping(self, timeout_s: float) -> float:
        self.calls.append("ping")
        self._check()
        return 0.0005

    async def probe(self, size: int, timeout_s: float) -> ProbeReading:
        self.calls.append("probe")
        self._check()
        return ProbeReading(size, 8 * size / self.uplink_bps)

    async def probe_down(self, size: int, timeout_s: float) -> ProbeReading:
        return await self.probe(size, timeout_s)

    def encode(self, frame_id, tensors, outputs, encodings=ALL_RAW, traceparent="") -> FrameToSend:
        values = {layer: tuple(np.array(array) for array, _ in parts) for layer, parts in tensors.items()}
        feeds = {layer: parts[0] if len(parts) == 1 else parts for layer, parts in values.items()}
        size = sum(array.nbytes for parts in tensors.values() for array, _ in parts)
        return FrameToSend(frame_id, (feeds, tuple(outputs)), size, size)

    def open_tails(self) -> "FakeTails":
        self.calls.append("stream")
        self.streams += 1
        tails = FakeTails(self)
        self.live.add(tails)
        return tails

    def open_pulse(self) -> "FakeTails":
        tails = FakeTails(self)
        self.live.add(tails)
        return tails

    async def another(self) -> "FakeCloud":
        self._check()
        return self

    async def drop(self) -> None:
        self.calls.append("drop")

    async def close(self) -> None:
        self.calls.append("close")

    def kill(self) -> None:
        self.reachable = False
        for tails in list(self.live):
            tails.events_queue.put_nowait(CloudUnreachableError("connection reset"))

    def _check(self) -> None:
        if not self.reachable:
            raise CloudUnreachableError("nobody there")


class FakeTails:
    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud
        self.events_queue: asyncio.Queue[StreamEvent | CloudUnreachableError] = asyncio.Queue()
        self.held: list[Answer] = []

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        self.cloud._check()
        assert timeout_s > 0
        if not self.cloud.answering:
            return
        if self.cloud.refusing:
            refusal = CloudRefusedError("queue full", reason="OVERLOADED", retry_after_s=0.1)
            self.events_queue.put_nowait(Refusal(frame.frame_id, refusal))
            return
        feeds, outputs = frame.message
        made = self.cloud.model.tail(tuple(feeds), outputs).run(feeds)
        arrays = {path: arrays_of(array)[0] for path, array in made.items()}
        answer = Answer(
            frame.frame_id, arrays, 0, server_s=1e-4, queue_s=0.0, decode_s=0.0, compute_s=5e-5, load_factor=1.0
        )
        self.held.append(answer)
        if not self.cloud.shuffled or len(self.held) == 2:
            for one in reversed(self.held):
                self.events_queue.put_nowait(one)
            self.held.clear()

    async def events(self) -> AsyncIterator[StreamEvent]:
        while True:
            try:
                event = await asyncio.wait_for(self.events_queue.get(), 0.1)
            except TimeoutError:
                if self.cloud.beating:
                    yield Beat(1.0)
                continue
            if isinstance(event, CloudUnreachableError):
                raise event
            yield event

    def cancel(self) -> None:
        self.cloud.live.discard(self)


@pytest.fixture(scope="module")
def model() -> split_model.Model:
    return split_model.load("zoo:easy_net")


@pytest.fixture
def cloud(model: split_model.Model) -> FakeCloud:
    return FakeCloud(model)


def frame(model: split_model.Model, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, model.inputs[0].shape, dtype=np.uint8)


def agent_for(
    model: split_model.Model, cloud: FakeCloud | None, own_policy: Policy | None = None, **settings: object
) -> Agent:
    config = AgentConfig(**{"rate_hz": 1.0, "keep_inputs": True, **settings})
    seconds = tuple(EDGE_LAYER_S if layer.inputs else 0.0 for layer in model.graph.layers)
    profile = split_model.Profile(layer_s=seconds, whole_s=sum(seconds))
    return Agent(model, cloud, config, edge_profile=profile, policy=own_policy)


async def until(condition, limit_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true in time"
        await asyncio.sleep(0.01)


def check_right(model: split_model.Model, results) -> None:
    verifier = Verifier(model)
    for result in results:
        verifier.add(result)
    outcome = verifier.outcome()
    assert outcome.checked == sum(result.outcome.has_result for result in results)
    assert outcome.different == 0, outcome.first


async def test_frames_are_offloaded_and_right(model, cloud):
    async with agent_for(model, cloud) as agent:
        results = [await agent.submit(frame(model, seed)) for seed in range(5)]
    assert [result.outcome for result in results] == [Outcome.OFFLOADED] * 5
    assert [result.frame_id for result in results] == list(range(5))
    assert all(result.partition.cut for result in results)
    check_right(model, results)


async def test_without_a_cloud_everything_is_computed_here(model):
    async with agent_for(model, None) as agent:
        result = await agent.submit(frame(model))
    assert result.outcome is Outcome.EDGE_ONLY
    assert result.partition.cut == ()
    check_right(model, [result])


async def test_edge_only_makes_no_call_at_all(model, cloud):
    async with agent_for(model, cloud, strategy="edge_only") as agent:
        result = await agent.submit(frame(model))
    assert result.outcome is Outcome.EDGE_ONLY
    assert cloud.calls == []


async def test_cloud_only_sends_the_inputs(model, cloud):
    async with agent_for(model, cloud, strategy="cloud_only") as agent:
        result = await agent.submit(frame(model))
    assert result.outcome is Outcome.OFFLOADED
    assert result.partition.edge == frozenset(value.layer for value in model.inputs)
    check_right(model, [result])


async def test_a_policy_of_ones_own_chooses_in_another_way(model, cloud):
    names = [layer.name for layer in model.graph.layers]
    wanted = frozenset(names[:2])

    class Two(Policy):
        name = "two"

        def choose(self, splits, conditions):
            return keep_to(wanted, splits, conditions)

    seconds = tuple(0.0 for _ in names)
    profile = split_model.Profile(layer_s=seconds, whole_s=0.0)
    async with Agent(model, cloud, AgentConfig(), edge_profile=profile, policy=Two()) as agent:
        results = [await agent.submit(frame(model)) for _ in range(3)]
    assert [result.partition.edge for result in results] == [wanted] * 3
    assert [result.outcome for result in results] == [Outcome.OFFLOADED] * 3


@pytest.mark.parametrize("policy", ["chain", "given"])
async def test_a_policy_is_run_by_its_name(model, cloud, policy):
    cut = next(layer for layer in model.graph.layers if layer.inputs).name
    name = f"given:{cut}" if policy == "given" else policy
    async with agent_for(model, cloud, policy=name) as agent:
        result = await agent.submit(frame(model))
    if policy == "given":
        assert result.partition.cut == (cut,)
    assert result.outcome in (Outcome.OFFLOADED, Outcome.EDGE_ONLY)
    check_right(model, [result])


def test_a_split_that_the_model_has_not_is_refused(model):
    with pytest.raises(PolicyError, match=r"given:nothing: 'nothing' is not a layer of the model"):
        Agent(model, None, AgentConfig(policy="given:nothing"))


async def test_answers_out_of_order_leave_in_order(model, cloud):
    cloud.shuffled = True
    left = []
    async with agent_for(model, cloud, max_waiting=16, rate_hz=1000.0, strategy="cloud_only") as agent:
        futures = [agent.put(frame(model, seed)) for seed in range(6)]
        for future in futures:
            future.add_done_callback(lambda done: left.append(done.result().frame_id))
        results = await asyncio.gather(*futures)
    assert left == list(range(6))
    check_right(model, results)


async def test_a_frame_that_is_not_answered_is_finished_here(model, cloud):
    async with agent_for(model, cloud) as agent:
        cloud.answering = False
        result = await agent.submit(frame(model))
        streams_before = cloud.streams
        assert result.outcome is Outcome.LOCAL_FALLBACK
        assert "no answer within" in result.error
        cloud.answering = True
        await until(lambda: cloud.streams >= 2)
        assert streams_before >= 2, "a stalled stream is cancelled and another opened"
        check_right(model, [result])


async def test_a_killed_cloud_loses_no_frame_and_is_used_again(model, cloud):
    async with agent_for(model, cloud, max_waiting=64) as agent:
        results = [await agent.submit(frame(model, seed)) for seed in range(3)]
        assert results[-1].outcome is Outcome.OFFLOADED
        cloud.answering = False
        pending = [agent.put(frame(model, seed)) for seed in range(3, 5)]
        await until(lambda: agent.state.mode is not None and agent._pipeline._offload.under_way > 0)
        cloud.kill()
        results += await asyncio.gather(*pending)
        results += [await agent.submit(frame(model, seed)) for seed in range(5, 8)]
        assert all(result.outcome.has_result for result in results)
        assert results[-1].outcome is Outcome.EDGE_ONLY
        cloud.reachable = cloud.answering = True
        await until(lambda: agent.state.uplink_bps is not None)
        results.append(await agent.submit(frame(model, 8)))
    assert results[-1].outcome is Outcome.OFFLOADED
    assert [result.frame_id for result in results] == list(range(9))
    check_right(model, results)


async def test_silence_on_the_stream_is_a_lost_cloud(model, cloud):
    async with agent_for(model, cloud, silence_s=0.3) as agent:
        cloud.beating = False
        cloud.reachable = False
        await until(lambda: agent.cloud_error is not None)
        result = await agent.submit(frame(model))
    assert result.outcome is Outcome.EDGE_ONLY


async def test_a_refused_frame_is_finished_here(model, cloud):
    async with agent_for(model, cloud) as agent:
        cloud.refusing = True
        result = await agent.submit(frame(model))
    assert result.outcome is Outcome.LOCAL_FALLBACK
    assert "OVERLOADED" in result.error or "queue full" in result.error
    check_right(model, [result])


async def test_a_wrong_twin_is_never_used(model, cloud):
    cloud.wrong_twin = True
    async with agent_for(model, cloud) as agent:
        result = await agent.submit(frame(model))
        assert isinstance(agent.cloud_error, WrongTwinError)
    assert result.outcome is Outcome.EDGE_ONLY
    assert "stream" not in cloud.calls
    check_right(model, [result])


async def test_a_required_cloud_that_is_not_there_is_an_error(model, cloud):
    cloud.reachable = False
    with pytest.raises(CloudUnreachableError, match="nobody there"):
        async with agent_for(model, cloud, require_cloud=True):
            pass


async def test_too_many_frames_drop_the_oldest_that_waits_and_count_it(model, cloud):
    async with agent_for(model, cloud, max_waiting=2) as agent:
        futures = [agent.put(frame(model, seed)) for seed in range(10)]
        results = await asyncio.gather(*futures)
    outcomes = [result.outcome for result in results]
    assert [result.frame_id for result in results] == list(range(10))
    assert outcomes.count(Outcome.DROPPED) == 8
    assert all(outcome.has_result for outcome in outcomes[-2:]), "the newest frames are kept"
    scrape = agent.metrics.registry
    assert scrape.get_sample_value("dads_frames_total", {"outcome": "dropped"}) == 8
    check_right(model, results)


async def test_leaving_the_context_finishes_what_was_submitted(model, cloud):
    async with agent_for(model, cloud, max_waiting=8) as agent:
        futures = [agent.put(frame(model, seed)) for seed in range(4)]
    assert all(future.done() for future in futures)
    check_right(model, [future.result() for future in futures])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ((), "takes 1 inputs, not 0"),
        ((np.zeros((1, 3, 5, 5), dtype=np.uint8),), "expected uint8"),
        ((torch.zeros(1, 3, 224, 224),), "is float32"),
    ],
)
async def test_inputs_that_do_not_fit_are_refused(model, wrong, said):
    async with agent_for(model, None) as agent:
        with pytest.raises(InputError, match=said):
            await agent.submit(*wrong)


async def test_a_frame_outside_the_agents_life_is_refused(model):
    agent = agent_for(model, None)
    with pytest.raises(AgentClosedError):
        await agent.submit(frame(model))


def clock_that_adds(seconds, monkeypatch):
    """Every reading of the processor's clock is this much later: whatever runs computed for so long."""
    readings = itertools.count(0.0, seconds)
    monkeypatch.setattr("edge_service.agent.compute_clock", lambda device: lambda: next(readings))


async def test_a_slowed_edge_spends_the_time_for_real(model, monkeypatch):
    clock_that_adds(0.01, monkeypatch)
    async with agent_for(model, None, slowdown=31.0) as slow:
        began_s = time.perf_counter()
        result = await slow.submit(frame(model))
        waited_s = time.perf_counter() - began_s
    assert 30 * 0.01 <= result.times.head_s <= result.latency_s <= waited_s


async def test_an_edge_that_is_not_slowed_waits_for_nothing(model, monkeypatch):
    clock_that_adds(1e6, monkeypatch)
    async with agent_for(model, None) as agent:
        result = await asyncio.wait_for(agent.submit(frame(model)), 60)
    assert result.outcome is Outcome.EDGE_ONLY


async def test_a_model_that_fails_costs_its_frame_only(model, cloud, monkeypatch):
    async with agent_for(model, None) as agent:
        with monkeypatch.context() as patch:
            patch.setattr(
                agent._compute, "_stretched", lambda function: (_ for _ in ()).throw(RuntimeError("no memory"))
            )
            broken = await agent.submit(frame(model))
        whole = await agent.submit(frame(model))
    assert broken.outcome is Outcome.FAILED
    assert "no memory" in broken.error
    assert whole.outcome is Outcome.EDGE_ONLY


def huge() -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """An input of 80 MB, more than a message may have, and a small output."""
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool1d(4), torch.nn.ReLU()), (torch.zeros(1, 1, 20_000_000),)


@pytest.fixture(scope="module")
def too_large() -> split_model.Model:
    return split_model.model_of(*huge(), name="huge")


async def test_a_cut_too_large_for_a_message_is_never_chosen(too_large):
    cloud = FakeCloud(too_large)
    async with agent_for(too_large, cloud) as agent:
        result = await agent.submit(torch.zeros(1, 1, 20_000_000))
    assert result.outcome in (Outcome.OFFLOADED, Outcome.EDGE_ONLY)
    assert "x" not in result.partition.cut
    assert not set(result.partition.cut) & {value.layer for value in too_large.inputs}


async def test_a_cut_too_large_for_a_message_is_refused_where_it_was_ordered(too_large):
    with pytest.raises(PolicyError, match="cloud_only: the split sends more than a message holds: 'input' alone"):
        agent_for(too_large, FakeCloud(too_large), strategy="cloud_only")
    everything_there = Given(frozenset(value.layer for value in too_large.inputs))
    async with agent_for(too_large, FakeCloud(too_large), own_policy=everything_there) as agent:
        result = await agent.submit(torch.zeros(1, 1, 20_000_000))
    assert result.outcome is Outcome.EDGE_ONLY
    check_right(too_large, [result])


async def test_heads_are_compiled_where_that_is_wanted(model, cloud, monkeypatch):
    asked = []

    class Heads:
        def __init__(self, model):
            self._model = model

        def head(self, edge):
            asked.append(edge)
            return self._model.split(edge)[0]

    monkeypatch.setattr(split_model, "CompiledHeads", Heads)
    for wanted in (False, True):
        async with agent_for(model, cloud, compile=wanted) as agent:
            check_right(model, [await agent.submit(frame(model))])
        assert bool(asked) is wanted


def test_heads_are_compiled_by_torch_only(numpy_model):
    with pytest.raises(EngineError, match="but engine numpy runs numpy:pictures; expected engine torch"):
        Agent(numpy_model, None, AgentConfig(compile=True))


@pytest.mark.parametrize("where", ["here", "cloud", "refused"])
async def test_outputs_are_what_the_inputs_are(two_by_two, random_inputs, where):
    """Tensors, or arrays; nested as the module nests them. A frame of both gets tensors."""
    cloud = None if where == "here" else FakeCloud(two_by_two)
    if cloud is not None:
        cloud.refusing = where == "refused"
    tensors = random_inputs(two_by_two)
    arrays = tuple(tensor.numpy() for tensor in tensors)
    expected = two_by_two(*tensors)
    for given, kind in ((tensors, torch.Tensor), (arrays, np.ndarray), ((arrays[0], tensors[1]), torch.Tensor)):
        async with agent_for(two_by_two, cloud) as agent:
            result = await agent.submit(given[0], y=given[1])
        wanted = {"here": Outcome.EDGE_ONLY, "cloud": Outcome.OFFLOADED, "refused": Outcome.LOCAL_FALLBACK}[where]
        assert result.outcome is wanted
        assert list(result.outputs) == ["total", "parts"]
        assert isinstance(result.outputs["total"], kind)
        assert isinstance(result.outputs["parts"][0], kind)
        torch.testing.assert_close(torch.as_tensor(result.outputs["total"]), expected["total"])
        assert all(isinstance(leaf, np.ndarray) for leaf in result.feeds)


async def test_frames_that_come_faster_than_expected_are_noticed(model, cloud):
    async with agent_for(model, cloud, max_waiting=64, rate_hz=1.0) as agent:
        await asyncio.gather(*(agent.put(frame(model)) for _ in range(20)))
        assert agent.state.rate_hz > 10.0


class Wide(torch.nn.Module):
    """22 branches: more closed sets than can be listed."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = torch.nn.ModuleList(torch.nn.Linear(64, 4) for _ in range(22))
        for seed, branch in enumerate(self.branches):
            torch.nn.init.normal_(branch.weight, generator=torch.Generator().manual_seed(seed))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.relu(branch(x)) for branch in self.branches], dim=1)


async def test_the_table_of_a_wide_model_is_built_while_frames_run():
    wide = split_model.model_of(Wide(), (torch.zeros(1, 64),), name="wide")
    async with agent_for(wide, FakeCloud(wide), slowdown=2.0) as agent:
        results = []
        deadline_s = time.monotonic() + 60.0
        while agent.state.table_splits < 2:
            assert time.monotonic() < deadline_s, "no table"
            results.append(await agent.submit(torch.randn(1, 64)))
        results.append(await agent.submit(torch.ones(1, 64)))
        jobs = {
            name: agent.metrics.registry.get_sample_value("dads_planning_jobs_total", {"work": name, "result": "done"})
            for name in ("search", "build")
        }
    assert all(jobs.values()), jobs
    assert results[-1].outcome is Outcome.OFFLOADED
    check_right(wide, results)
