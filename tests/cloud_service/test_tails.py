"""From request to answer with real models: what the cloud computes is what the whole model returns."""

import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

import split_model
from cloud_service import tails
from cloud_service.errors import AnswerTooLargeError, InvalidRequestError
from cloud_service.registry import ServedModel
from cloud_service.tails import announcement, answer, read_feeds
from split_model.pytorch.tensors import tensor_of
from split_wire import EncodedTensor, Encoding, decode_tensor, dtype_name, encode_tensor, split_pb2
from split_wire.frames import TailRequest, TailResponse, read_request, write_request, write_response


class Branching(nn.Module):
    """A residual, a tuple of tensors, bfloat16, nested outputs, a constant one, and one that is an input."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.second = nn.Linear(6, 6)
        self.register_buffer("constant", torch.arange(3))

    def forward(self, x, mask):
        a = torch.relu(self.first(x))
        top, where = torch.topk(self.second(a) + a, 3)
        low = a.to(torch.bfloat16) * 2
        return {
            "parts": [top, where.t()],
            "low": low,
            "constant": self.constant,
            "given": mask,
            "any": (a > 0.3) & mask,
        }


@pytest.fixture(scope="module")
def branching():
    torch.manual_seed(0)
    example = (torch.randn(2, 6), torch.tensor([[True], [False]]))
    return split_model.model_of(Branching().eval(), example, name="branching")


def served(model):
    return ServedModel(model, split_model.Profile(tuple(1.0 for _ in model.graph.layers), float(len(model.graph))), {})


def request_of(model, values, outputs=()):
    """What an edge sends: every tensor of every value."""
    tensors = tuple(
        encode_tensor(layer, array, index=index, dtype=spec.sent.dtype)
        for layer, value in values.items()
        for index, (array, spec) in enumerate(zip(split_model.arrays_of(value), model.layer_specs[layer], strict=True))
    )
    request = TailRequest(model.name, model.digest, 0, tensors, tuple(outputs))
    return read_request(write_request(request))


def outputs_of(tensors):
    """What an edge makes of the answer: outputs by path."""
    tensors = tuple(tensors)
    specs = {t.name: split_model.TensorSpec(dtype_name(t.meta), tuple(t.meta.shape)) for t in tensors}
    return {t.name: split_model.value_of((decode_tensor(t),), (specs[t.name],)) for t in tensors}


def closed_sets(graph):
    """Every set of layers that holds the inputs and with each layer its predecessors."""
    free = [layer for layer in graph.layers if layer.inputs]
    fixed = {layer.name for layer in graph.layers if not layer.inputs}
    for bits in itertools.product([False, True], repeat=len(free)):
        edge = set(fixed)
        if all(
            not on or (edge.issuperset(layer.inputs) and not edge.add(layer.name))
            for on, layer in zip(bits, free, strict=True)
        ):
            yield frozenset(edge)


def assert_same(model, found, expected):
    found, expected = model.flatten(found), model.flatten(expected)
    assert found.keys() == expected.keys()
    for spec in model.outputs:
        assert_close(found[spec.path], expected[spec.path], spec)


def assert_close(found, expected, spec):
    """Whether two arrays carry the same output but for rounding, of bfloat16 too."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    found, expected = (tensor_of(array, spec.tensor) for array in (found, expected))
    torch.testing.assert_close(found, expected, msg=lambda text: f"{spec.path}: {text}")


def test_every_cut_gives_what_the_whole_model_gives(branching):
    expected = branching(*branching.example_inputs)
    sets = list(closed_sets(branching.graph))
    assert len(sets) > 10
    for edge in sets:
        values = branching.split(edge)[0].run(branching.example_inputs)
        remote = branching.remote_outputs(edge)
        if not remote:
            continue  # none means all on the wire; an edge that needs nothing does not call
        answered = answer(served(branching), request_of(branching, values, remote))
        found = outputs_of(answered.response.outputs)
        assert tuple(found) == remote
        assert_same(branching, branching.assemble(values, found), expected)


class Wide(nn.Module):
    """Two inputs that fill a message each."""

    def forward(self, x, y):
        return x[:1] + y[:1]


def test_what_a_request_decodes_to_is_limited_as_a_message_is(monkeypatch):
    example = (torch.zeros(3000), torch.zeros(3000))
    wide = served(split_model.model_of(Wide().eval(), example, name="wide"))
    tensors = [encode_tensor(layer, np.zeros(3000, np.float32), encoding=Encoding.ZSTD) for layer in ("x", "y")]
    assert sum(tensor.size for tensor in tensors) < 200
    assert set(read_feeds(wide.model, tensors)) == {"x", "y"}
    monkeypatch.setattr(tails, "MAX_MESSAGE_BYTES", 23_999)
    with pytest.raises(InvalidRequestError, match="layer 'y': the request's tensors take more than 23999 bytes"):
        read_feeds(wide.model, tensors)


def test_a_bomb_is_not_decoded(branching):
    zeros = np.zeros(16 * 1024 * 1024 - 1, np.float32)
    bomb = encode_tensor("x", zeros, encoding=Encoding.ZSTD)
    del zeros
    tracemalloc.start()
    with pytest.raises(InvalidRequestError, match="expected float32 of shape"):
        read_feeds(branching, [bomb])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_all_outputs_when_none_are_named(branching):
    values = branching.definition.inputs.feed(branching.example_inputs)
    response = answer(served(branching), request_of(branching, values)).response
    expected = branching.flatten(branching(*branching.example_inputs))
    found = outputs_of(response.outputs)
    assert list(found) == [spec.path for spec in branching.outputs]
    for spec in branching.outputs:
        assert_close(found[spec.path], expected[spec.path], spec)


def test_the_prediction_is_of_the_layers_that_run(branching):
    model = served(branching)  # a second for each layer
    for edge in closed_sets(branching.graph):
        remote = branching.remote_outputs(edge)
        if remote:
            values = branching.split(edge)[0].run(branching.example_inputs)
            answered = answer(model, request_of(branching, values, remote))
            assert answered.predicted_s <= len(branching.graph) - len(edge)
    inputs_only = frozenset(layer.name for layer in branching.graph.layers if not layer.inputs)
    assert model.predicted_s(inputs_only) == len(branching.graph) - len(inputs_only)


@pytest.fixture(scope="module")
def easy_net():
    return split_model.load("zoo:easy_net")


async def test_an_image_model_is_served_at_every_cut(easy_net, serve):
    """The real thing: profiled by the server, run over a connection."""
    graph = easy_net.graph
    expected = easy_net(*easy_net.example_inputs)
    async with serve(easy_net, measure=split_model.profile, profile_repeats=1, threads=1) as (_, stub):
        profile = await stub.GetProfile(split_pb2.GetProfileRequest(model=easy_net.name, digest=easy_net.digest))
        assert list(profile.layers) == [layer.name for layer in graph.layers]
        assert sum(profile.layer_s) == pytest.approx(profile.whole_s)
        for count in range(1, len(graph)):  # every prefix in graph order is closed
            edge = frozenset(layer.name for layer in graph.layers[:count])
            values = easy_net.split(edge)[0].run(easy_net.example_inputs)
            request = request_of(easy_net, values, easy_net.remote_outputs(edge))
            response = await stub.RunTail(split_pb2.RunTailRequest.FromString(write_request(request)))
            found = outputs_of(map(EncodedTensor.of, response.outputs))
            assert_same(easy_net, easy_net.assemble(values, found), expected)


@pytest.mark.parametrize(("elements", "announced"), [(3999, False), (4000, True), (100_000, True)])
def test_only_a_large_result_is_announced(elements, announced):
    outputs = tuple(encode_tensor(path, np.zeros(elements // 2, np.float32)) for path in ("a", "b"))
    response = TailResponse(7, outputs, split_pb2.ServerTiming(total_s=0.5))
    size = sum(len(tensor.data) for tensor in outputs)
    expected = split_pb2.Announcement(frame_id=7, bytes=size, timing=split_pb2.ServerTiming(total_s=0.5))
    assert announcement(response) == (expected if announced else None)
    assert announcement(split_pb2.Heartbeat(load_factor=1.0)) is None


class Kinds(nn.Module):
    """Values without dimensions, with none of their elements, with nine dimensions, complex, and half as long."""

    def forward(self, x):
        largest = x.max()
        empty, nine = x[:0] * 2, (x / largest).reshape((1,) * 8 + (4,)) + 1
        spectrum = torch.fft.fft(x)
        return largest, empty, nine, spectrum, (x > 0).sum(), spectrum.abs().half(), x.bfloat16() + 1


def test_values_of_every_kind_are_sent_either_way():
    model = split_model.model_of(Kinds().eval(), (torch.tensor([1.0, -2.0, 3.0, 0.5]),), name="kinds")
    expected = model(*model.example_inputs)
    specs = {spec.path: split_model.TensorSpec(spec.dtype, spec.shape) for spec in model.outputs}
    order = [layer.name for layer in model.graph.layers]
    for count in range(1, len(order)):
        edge = frozenset(order[:count])
        values = model.split(edge)[0].run(model.example_inputs)
        request = request_of(model, values, model.remote_outputs(edge))
        found = answer(served(model), request).response.outputs
        read = {each.name: split_model.value_of((decode_tensor(each),), (specs[each.name],)) for each in found}
        assert_same(model, model.assemble(values, read), expected)


def test_an_answer_larger_than_a_message_is_refused(branching):
    request = request_of(branching, branching.split(frozenset({"x", "mask"}))[0].run(branching.example_inputs))
    whole = answer(served(branching), request).response
    size = len(write_response(whole))
    assert answer(served(branching), request, 10 * size).response.outputs
    with pytest.raises(AnswerTooLargeError, match=f"is larger than a message of {size - 1} bytes") as refused:
        answer(served(branching), request, size - 1)
    assert (refused.value.code.name, refused.value.retry_after_s) == ("OUT_OF_RANGE", None)
