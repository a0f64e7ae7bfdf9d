"""An engine whose parts take time: no frame waits for one, and the best split runs once it is ready."""

import logging

import numpy as np
import pytest
from numpy_engine import NumpyEngine, NumpyPart, definition, numpy_model, picture
from torchless.numpy_cloud import NumpyCloud

from edge_service import Agent, AgentConfig, Outcome, measure_wire_costs
from edge_service.control import Policy
from edge_service.control.policies import Adaptive, CloudOnly, EdgeOnly, Given
from edge_service.pipeline.prepared_parts import PreparedParts
from split_model import Model, ModelError, PartSpec, Preparation, Profile
from split_model.engines.walking import walk

NAMES = ("image", "scaled", "halves", "mixed", "level", "scores")
EDGES = [frozenset(NAMES[:count]) for count in range(1, 7)]
INPUTS, HALVES, LEVEL, EVERYTHING = EDGES[0], EDGES[2], EDGES[4], EDGES[5]
# So slow that the cloud wins, even when the measured times have scaled this down.
PROFILE = Profile((0.0, *(1.0,) * 5), 5.0)


class LatePart(NumpyPart):
    def run(self, feeds, recorder=None):
        self._engine.ran.add(self._spec)
        if self._spec not in self._engine.made:
            self._engine.waited.append(self._spec)
            if not self._engine.bridged:
                self._engine.made.add(self._spec)
        return super().run(feeds, recorder)


class LateEngine(NumpyEngine):
    """Makes a part when it is told to, by the preferred ones in their order; a run of another part waits for it."""

    def __init__(self, made, preparation=Preparation.AWAITED) -> None:
        super().__init__(made)
        self.preparation = preparation
        self.bridged = preparation is Preparation.BRIDGED
        self.made: set[PartSpec] = set()
        self.ran: set[PartSpec] = set()
        self.waited: list[PartSpec] = []
        self.told: list[list[PartSpec]] = []
        self.prepared: list[tuple[PartSpec, ...]] = []
        self.fails = False

    def part(self, spec):
        return LatePart(self, spec)

    def walk(self, feeds):
        return walk(self.definition, feeds, super().part)

    def is_ready(self, spec):
        return spec in self.made

    def prefer(self, specs):
        self.told.append(list(specs))

    def prepare(self, specs):
        self.prepared.append(tuple(specs))
        if self.fails:
            raise ModelError("no session can be made")
        self.made.update(specs)

    def make_one(self) -> None:
        self.made.update([spec for spec in self.told[-1] if spec not in self.made][:1])


def late_model(preparation=Preparation.AWAITED) -> Model:
    made = definition()
    return Model(made, LateEngine(made, preparation), name="numpy:late", example_inputs=(picture(),))


def running(model, *, refuses=False, policy: Policy | None = None) -> Agent:
    config = AgentConfig(encodings="raw")
    costs = measure_wire_costs(numpy_model(), [(picture(),)], config)
    cloud = NumpyCloud(numpy_model(), refuses=refuses)
    return Agent(model, cloud, config, edge_profile=PROFILE, wire_costs=costs, policy=policy)


def check(result, seed) -> None:
    assert result.outcome.has_result, result.error
    np.testing.assert_allclose(result.outputs["scores"], numpy_model()(picture(seed))["scores"], rtol=1e-5)


async def test_no_frame_waits_for_a_part_and_the_best_split_runs_once_it_is_ready(wait_until):
    model = late_model()
    engine = model.engine
    async with running(model) as agent:
        assert engine.waited == []
        await wait_until(lambda: agent.state.uplink_bps is not None)
        edges, outcomes = [], []
        for seed in range(40):
            result = await agent.submit(picture(seed))
            check(result, seed)
            edges.append(result.partition.edge)
            outcomes.append(result.outcome)
            engine.make_one()
        assert engine.waited == []
        assert outcomes[0] is Outcome.EDGE_ONLY
        assert outcomes[-1] is Outcome.OFFLOADED
        assert edges[0] == EVERYTHING
        assert edges[-1] == INPUTS
        assert agent.state.switches <= 2
        kept = PreparedParts(model)._parts(INPUTS)
        assert tuple(engine.told[-1][: len(kept)]) == kept


async def test_every_split_that_can_be_the_best_is_prepared_though_no_frame_comes(wait_until):
    model = late_model()
    inputs = set(PreparedParts(model)._parts(INPUTS))
    async with running(model):
        await wait_until(lambda: inputs <= set(model.engine.told[-1]))


@pytest.mark.parametrize(
    ("policy", "edge", "outcome"),
    [
        (Given(HALVES), HALVES, Outcome.OFFLOADED),
        (Given(LEVEL), LEVEL, Outcome.OFFLOADED),
        (CloudOnly(), INPUTS, Outcome.OFFLOADED),
        (EdgeOnly(), EVERYTHING, Outcome.EDGE_ONLY),
    ],
)
async def test_a_split_that_is_kept_to_is_ready_before_the_first_frame(policy, edge, outcome, wait_until):
    model = late_model()
    async with running(model, policy=policy) as agent:
        assert model.engine.prepared == [PreparedParts(model)._parts(edge)]
        if policy.needs_uplink:
            await wait_until(lambda: agent.state.uplink_bps is not None)
        for seed in range(3):
            result = await agent.submit(picture(seed))
            check(result, seed)
            assert (result.partition.edge, result.outcome) == (edge, outcome)
    assert model.engine.waited == []


@pytest.mark.parametrize("edge", EDGES[:-1], ids=lambda edge: str(len(edge)))
async def test_what_runs_of_a_split_is_what_was_prepared_of_it(edge, wait_until):
    """Also for a frame that is finished here, and for outputs that the head has computed."""
    model = late_model()
    parts = set(PreparedParts(model)._parts(edge))
    for refuses in (False, True):
        async with running(model, refuses=refuses, policy=Given(edge)) as agent:
            await wait_until(lambda: agent.state.uplink_bps is not None)
            result = await agent.submit(picture(1))
            check(result, 1)
            assert result.outcome is (Outcome.LOCAL_FALLBACK if refuses else Outcome.OFFLOADED)
    assert model.engine.ran == parts
    assert model.engine.waited == []


async def test_a_tail_that_is_not_ready_is_waited_for_and_told(caplog, wait_until):
    model = late_model()
    async with running(model, refuses=True, policy=Given(HALVES)) as agent:
        await wait_until(lambda: agent.state.uplink_bps is not None)
        model.engine.made.clear()
        with caplog.at_level(logging.INFO, "edge_service"):
            check(await agent.submit(picture(2)), 2)
    assert len(model.engine.waited) >= 1
    (told,) = [record for record in caplog.records if record.message == "a tail waits here until it is prepared"]
    assert told.so_far == 1


async def test_where_another_engine_runs_meanwhile_the_best_split_runs_at_once(wait_until):
    model = late_model(Preparation.BRIDGED)
    async with running(model) as agent:
        await wait_until(lambda: agent.state.uplink_bps is not None)
        check(await agent.submit(picture(1)), 1)  # its head measures how fast the edge is
        result = await agent.submit(picture(2))
        assert result.partition.edge == INPUTS
        assert model.engine.made == set(PreparedParts(model)._parts(EVERYTHING))  # as for the start
        assert set(model.engine.told[-1]) >= set(PreparedParts(model)._parts(INPUTS))


async def test_a_part_that_cannot_be_made_for_the_start_ends_the_start():
    model = late_model()
    model.engine.fails = True
    with pytest.raises(ModelError, match="no session"):
        async with running(model, policy=Adaptive()):
            pass


async def test_an_engine_without_preparation_is_told_nothing():
    class Silent(NumpyEngine):
        def prefer(self, specs):
            raise AssertionError("nothing is prepared")

        prepare = is_ready = prefer

    made = definition()
    model = Model(made, Silent(made), name="numpy:silent", example_inputs=(picture(),))
    async with running(model) as agent:
        check(await agent.submit(picture(1)), 1)
