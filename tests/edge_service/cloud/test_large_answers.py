"""A model with a large output over a real link with a slow downlink: both rates, predictions, and the choice."""

import contextlib
import statistics

import numpy as np
import pytest
import torch

import split_model
from edge_service import Agent, AgentConfig, Outcome
from edge_service.control.policies import CloudOnly
from link_emulator import LinkEmulator, Trace

UP_BPS = 20e6
RTT_S = 0.01


class RawHeads(torch.nn.Module):
    """200 kB in, 400 kB out."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x - 0.5).repeat(1, 2)


@pytest.fixture(scope="module")
def raw_heads() -> split_model.Model:
    return split_model.model_of(RawHeads().eval(), (torch.ones(1, 50_000),), name="made_here:raw_heads")


@pytest.fixture
def running(serving):
    """An agent at the end of a link with this downlink; its edge needs `edge_s` for each layer, as it thinks."""

    @contextlib.asynccontextmanager
    async def made(model, down_bps, *, edge_s=0.5, policy=None):
        profile = split_model.Profile(tuple(edge_s if layer.inputs else 0.0 for layer in model.graph.layers), edge_s)
        up, down = Trace.constant(UP_BPS), Trace.constant(down_bps)
        async with (
            serving(model) as server,
            LinkEmulator(f"127.0.0.1:{server.port}", uplink=up, downlink=down, delay_s=RTT_S / 2) as link,
            Agent(model, link.address, AgentConfig(), edge_profile=profile, policy=policy) as agent,
        ):
            yield agent

    return made


def frame(model, seed=0):
    return np.random.default_rng(seed).standard_normal(model.inputs[0].shape).astype(np.float32)


@pytest.mark.parametrize("down_bps", [3e6, 30e6])
async def test_both_rates_and_the_transfer_are_right(raw_heads, running, down_bps):
    """A frame takes 80 ms up, its answer 107 or 1,067 ms down."""
    async with running(raw_heads, down_bps, policy=CloudOnly()) as agent:
        results = [await agent.submit(frame(raw_heads, seed)) for seed in range(5)]
        state = agent.state
    assert {result.outcome for result in results} == {Outcome.OFFLOADED}
    assert UP_BPS / 2 < state.uplink_bps < UP_BPS * 1.5, "as far as a busy machine times 80 ms"
    assert state.downlink_bps == pytest.approx(down_bps, rel=0.3)
    ratios = [result.times.transfer_s / result.partition.transfer_s for result in results[2:]]
    assert 1 / 1.5 < statistics.median(ratios) < 1.5


async def test_a_large_answer_is_fetched_only_over_a_fast_downlink(raw_heads, running):
    """The downlink is known by a probe before the first frame; its answer takes 3.2 s or 3 ms."""
    found = {}
    for down_bps in (1e6, 1e9):
        async with running(raw_heads, down_bps) as agent:
            found[down_bps] = await agent.submit(frame(raw_heads))
            assert agent.state.downlink_bps is not None
    assert found[1e6].outcome is Outcome.EDGE_ONLY
    assert found[1e6].downlink_bps == pytest.approx(1e6, rel=0.5)
    assert found[1e9].outcome is Outcome.OFFLOADED


async def test_a_download_longer_than_silence_is_no_loss(raw_heads, running):
    """Heartbeats wait behind it."""
    async with running(raw_heads, 0.8e6, policy=CloudOnly()) as agent:
        result = await agent.submit(frame(raw_heads))
        assert (result.outcome, agent.cloud_error) == (Outcome.OFFLOADED, None)
        assert result.times.transfer_s > AgentConfig().silence_s
