import dataclasses
import math

import pytest
import torch

import split_model
from edge_service import Agent, AgentConfig, Outcome, measure_wire_costs
from edge_service.control import Phase
from edge_service.control.policies import Given
from edge_service.output.verify import difference
from edge_service.sendable import sendable_graph
from split_wire import limits


class Grows(torch.nn.Module):
    """Its middle layer is large, and what it returns is small, but for a view that repeats a layer's elements."""

    def forward(self, x):
        wide = torch.cat([x] * 25) + 1
        mean = wide.mean(0)
        return mean * 2, (mean * 3).expand(50, 8)


@pytest.fixture(scope="module")
def grows() -> split_model.Model:
    return split_model.model_of(Grows().eval(), (torch.ones(1, 8),), name="grows")


def unsendable(graph):
    return {layer.name for layer in graph.layers if not layer.sendable}


def test_a_graph_within_the_limits_stays_as_it_is(grows):
    assert sendable_graph(grows) is grows.graph


def test_values_too_large_and_outputs_too_large_are_marked(grows, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CUT_BYTES", 500)
    graph = sendable_graph(grows)
    sizes = {layer.name: layer.output_bytes for layer in grows.graph.layers}
    (repeated,) = {spec.layer for spec in grows.outputs if spec.shape == (50, 8)}
    assert sizes[repeated] == 32, "the layer's own value is small"
    assert unsendable(graph) == {repeated, *(name for name, size in sizes.items() if size > 500)}
    assert len(unsendable(graph)) > 1
    assert graph.max_message_bytes == 500
    assert dataclasses.replace(graph.layers[0], sendable=True) == grows.graph.layers[0]


def test_together_they_have_the_same_limit(grows, monkeypatch):
    total = sum(layer.output_bytes for layer in grows.graph.layers)
    monkeypatch.setattr(limits, "MAX_CUT_BYTES", total - 1)
    graph = sendable_graph(grows)
    assert graph.max_message_bytes == total - 1


def test_what_cannot_be_sent_is_not_measured_and_costs_infinite_bytes(grows, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CUT_BYTES", 500)
    costs = measure_wire_costs(grows, [grows.example_inputs], AgentConfig(max_error=0.5))
    large = [layer.output_bytes > 500 for layer in grows.graph.layers]
    assert any(large)
    for encoding in costs.encodings:
        assert [math.isinf(size) for size in encoding.output_bytes] == large
        assert [seconds == 0.0 for seconds in encoding.encode_s] == large


class Odd(torch.nn.Module):
    """Complex numbers, a value without dimensions, none of nine dimensions; half of it in other precisions."""

    def forward(self, x, state, scale):
        spectrum = torch.fft.fft(x.float()) * state[0]
        return spectrum.real / x.max() * scale, spectrum, x.bfloat16() * 2, (x > 0).reshape((1,) * 8 + (4,))


def test_the_price_of_any_value_is_its_bytes_on_the_wire():
    inputs = (torch.tensor([1.0, 2.0, -3.0, 0.5]).half(), (torch.tensor(2j),), 3)
    model = split_model.model_of(Odd().eval(), inputs, name="odd")
    costs = measure_wire_costs(model, [inputs], AgentConfig(max_error=0.5))
    for layer, size in zip(model.graph.layers, costs.encodings[0].output_bytes, strict=True):
        assert 0 <= size - layer.output_bytes < 60, layer.name


class State(torch.nn.Module):
    """A nested state and a number go in; a value without dimensions and complex ones cross and come back."""

    def forward(self, x, state, scale):
        level = torch.tanh(x * state[0]["level"]).abs().max()
        spectrum = torch.fft.fft(x) * state[1]
        return {"y": spectrum.real / level * scale, "state": ({"level": level}, spectrum)}


async def test_nested_and_complex_values_go_through_a_real_cloud(serving):
    inputs = (torch.arange(1.0, 9.0), ({"level": torch.tensor(0.1)}, torch.tensor(2j)), 3)
    model = split_model.model_of(State().eval(), inputs, name="state")
    expected = model.flatten(model(*inputs))
    edge_profile = split_model.Profile(tuple(1.0 for _ in model.graph.layers), float(len(model.graph)))
    order = [layer.name for layer in model.graph.layers]
    starts = [frozenset(value.layer for value in model.inputs), frozenset(order[:-1])]
    async with serving(model) as server:
        address = f"127.0.0.1:{server.port}"
        for edge in starts:
            async with Agent(model, address, edge_profile=edge_profile, policy=Given(edge)) as agent:
                result = await agent.submit(inputs[0].numpy(), inputs[1], scale=3)
            assert (result.outcome, result.partition.edge) == (Outcome.OFFLOADED, edge), result.error
            assert difference(expected, model.flatten(result.outputs)) is None


class Widens(torch.nn.Module):
    """From 8 numbers to 4,000."""

    def forward(self, x):
        return torch.cat([x] * 500) * 2


async def test_a_split_that_one_cloud_cannot_answer_is_not_used_again(serving):
    """The cloud's own limit is lower than the contract's, which the edge goes by."""
    model = split_model.model_of(Widens().eval(), (torch.ones(8),), name="widens")
    edge_profile = split_model.Profile(tuple(1.0 for _ in model.graph.layers), float(len(model.graph)))
    async with serving(model, max_message_bytes=8_000) as server:
        address = f"127.0.0.1:{server.port}"
        async with Agent(model, address, AgentConfig(policy="cloud_only"), edge_profile=edge_profile) as agent:
            results = [await agent.submit(torch.ones(8)) for _ in range(3)]
    assert [result.outcome for result in results] == [Outcome.LOCAL_FALLBACK, *[Outcome.EDGE_ONLY] * 2]
    assert "ANSWER_TOO_LARGE" in results[0].error
    assert all(torch.equal(result.outputs, torch.full((4000,), 2.0)) for result in results)


class Narrows(torch.nn.Module):
    """From 4,000 numbers to one."""

    def forward(self, x):
        return (x * 2).mean(0, keepdim=True)


async def test_a_split_that_one_cloud_cannot_receive_is_not_used_again(serving, wait_until):
    """gRPC itself refuses the message, and ends the stream."""
    model = split_model.model_of(Narrows().eval(), (torch.ones(4000),), name="narrows")
    edge_profile = split_model.Profile(tuple(1.0 for _ in model.graph.layers), float(len(model.graph)))
    async with serving(model, max_message_bytes=8_000) as server:
        address = f"127.0.0.1:{server.port}"
        async with Agent(model, address, AgentConfig(policy="cloud_only"), edge_profile=edge_profile) as agent:
            first = await agent.submit(torch.ones(4000))
            assert first.outcome is Outcome.LOCAL_FALLBACK
            assert "larger than max" in first.error
            await wait_until(lambda: agent.state.phase is Phase.OFFLOADING)  # connected again
            later = [await agent.submit(torch.ones(4000)) for _ in range(2)]
    assert [result.outcome for result in later] == [Outcome.EDGE_ONLY] * 2
