"""Head then tail equals the whole model, for every closed set of small models that are hard to split."""

import operator
from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional

import split_model
from split_model.engines.schedules.schedule import Schedule
from split_model.model import Model
from split_model.pytorch.module_model import model_of


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        y = functional.relu(self.norm(self.a(x)), inplace=True)
        z = self.b(y)
        z += y
        return functional.relu_(z).mean((2, 3))


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.arms = nn.Conv2d(3, 4, 3), nn.ModuleList(nn.Conv2d(4, 2, 1) for _ in range(3))

    def forward(self, x):
        y = self.stem(x)
        return torch.cat([torch.relu(arm(y)) for arm in self.arms], 1)


class Nested(nn.Module):
    """Several inputs; outputs nested, repeated, passed through, constant, None and a number."""

    def __init__(self):
        super().__init__()
        self.register_buffer("fixed", torch.arange(3.0))
        self.scale = torch.tensor([1.0, 2.0])

    def forward(self, x, parts, times):
        y = x * self.scale
        z = parts["b"].sum() + y
        view = y.t()
        return {
            "z": z,
            "list": [y, None, (x, 7, self.fixed)],
            "again": z,
            "view": view,
            "fresh": torch.zeros(2),
            "a": parts["a"] * times,
        }


class Twice(nn.Module):
    def forward(self, x):
        y = torch.exp(x)
        return torch.log(y + y)


class Chunks(nn.Module):
    def forward(self, x):
        a, b, c = torch.sin(x).chunk(3, 1)
        first, _, last = torch.cos(x).unbind(2)
        return torch.cat([a, b * 2], 1).permute(0, 2, 1), c[:, 0], first + last


class Tuples(nn.Module):
    def forward(self, x):
        values, indices = torch.topk(x * 2, 3)
        low, _ = torch.sort(x)
        return values + 1, indices, low.cumsum(1)


class ChangesItsInput(nn.Module):
    def forward(self, x):
        x.add_(1)
        y = x.view(-1)
        y[2:4] = 0
        return x * 3


class ChannelsLast(nn.Module):
    """Strides differ between a value made here (channels last) and one that was sent (contiguous)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)

    def forward(self, x):
        y = self.conv(x.contiguous(memory_format=torch.channels_last))
        y = torch.relu(y).permute(0, 2, 3, 1)
        return y.view(1, -1, 4).softmax(1)


class Masks(nn.Module):
    def forward(self, x):
        mask = x.new_zeros(4, 4)
        mask[:2, 2:] = 1
        mask = mask.masked_fill(mask != 0, -100.0)
        canvas = torch.zeros_like(x)
        canvas[:, 1:3] = x[:, :2]
        return (x @ x.transpose(0, 1) + mask).softmax(1) + canvas


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True), nn.LayerNorm(8)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        y = self.norm(x)
        return functional.dropout(x + self.attention(y, y, y, need_weights=False)[0], 0.5, self.training)[:, 0]


class Types(nn.Module):
    def forward(self, x):
        half = x.to(torch.bfloat16)
        positive = half > 0
        empty = x[:, 4:] * 2
        return torch.where(positive, half, half * 2), positive.sum(1), x.argmax(1), empty, empty.sum() + x


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRU(4, 3, batch_first=True)

    def forward(self, x):
        y, state = self.cell(torch.tanh(x))
        return y, state


def toys():
    generator = torch.Generator().manual_seed(7)

    def rand(*shape):
        return torch.randn(*shape, generator=generator)

    return {
        "residual": (Residual(), (rand(1, 3, 6, 6),)),
        "branches": (Branches(), (rand(1, 3, 6, 6),)),
        "nested": (Nested(), (rand(3, 2), {"a": rand(2), "b": rand(2, 2)}, 3)),
        "twice": (Twice(), (rand(4),)),
        "chunks": (Chunks(), (rand(1, 6, 3),)),
        "tuples": (Tuples(), (rand(2, 5),)),
        "changes its input": (ChangesItsInput(), (rand(2, 3),)),
        "channels last": (ChannelsLast(), (rand(1, 3, 6, 6),)),
        "masks": (Masks(), (rand(4, 4),)),
        "attention": (Attention(), (rand(1, 3, 8),)),
        "types": (Types(), (rand(2, 4),)),
        "recurrent": (Recurrent(), (rand(1, 4, 4),)),
    }


@cache
def toy_model(name) -> Model:
    module, inputs = toys()[name]
    return model_of(module.eval(), inputs, name=f"toy:{name}")


@pytest.fixture(params=toys())
def toy(request) -> Model:
    return toy_model(request.param)


def fresh(value):
    """A copy of nested inputs, as some models change theirs."""
    return torch.utils._pytree.tree_map(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, value)


def assert_same(actual, expected):
    assert type(actual) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same(actual[key], expected[key])
    elif isinstance(expected, tuple | list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    else:
        assert actual == expected


def over_the_wire(model: Model, values):
    """What arrives of values that are sent as bytes: read-only memory."""
    arrived, sent = {}, []
    for name, value in values.items():
        arrays = []
        for array in split_model.arrays_of(value):
            data = array.tobytes()
            sent.append((data, bytes(bytearray(data))))
            arrays.append(type(array)(array.shape, array.dtype, data))
        size = sum(array.nbytes for array in arrays)
        assert size == next(entry.output_bytes for entry in model.graph.layers if entry.name == name)
        arrived[name] = split_model.value_of(arrays, model.layer_specs[name])
    return arrived, sent


def test_every_closed_set_gives_the_whole_models_outputs(toy, closed_sets):
    expected = toy(*fresh(toy.example_inputs))
    sets = closed_sets(toy.graph)
    assert 2 <= len(sets) <= 3000
    for edge in sets:
        head, tail = toy.split(edge)
        values, sent = over_the_wire(toy, head(*toy.example_inputs))
        assert_same(toy.returned(tail(values)), expected)
        for used, before in sent:
            assert used == before, "a schedule wrote into what it was given"


def test_only_what_crosses_and_outputs_are_sent(toy, closed_sets):
    for edge in closed_sets(toy.graph):
        crossing = {name for entry in toy.graph.layers if entry.name not in edge for name in entry.inputs}
        expected = edge & (crossing | set(toy.graph.outputs))
        assert toy.split(edge)[0](*toy.example_inputs).keys() == expected


def test_outputs_by_path_from_remote_and_local_values(toy, closed_sets):
    expected = toy(*fresh(toy.example_inputs))
    for edge in closed_sets(toy.graph):
        values = toy.split(edge)[0].run(toy.example_inputs)
        remote = toy.remote_outputs(edge)
        outputs = toy.tail(values.keys(), remote).run(values) if remote else {}
        assert set(outputs) == set(remote)
        assert_same(toy.returned(toy.assemble(values, outputs)), expected)


def test_flatten_names_every_tensor(toy):
    flat = toy.flatten(toy(*fresh(toy.example_inputs)))
    assert list(flat) == [spec.path for spec in toy.outputs]
    for spec in toy.outputs:
        assert split_model.TensorSpec.of(flat[spec.path]) == spec.tensor.carried


def test_specs_are_those_of_the_values(toy, closed_sets):
    for edge in closed_sets(toy.graph):
        for name, value in toy.split(edge)[0](*toy.example_inputs).items():
            tensors = value if isinstance(value, tuple) else (value,)
            specs = tuple(split_model.TensorSpec(str(t.dtype).removeprefix("torch."), tuple(t.shape)) for t in tensors)
            assert specs == toy.layer_specs[name]


def test_a_walk_visits_every_layer_with_enough_to_finish_from_there(toy):
    expected = toy(*fresh(toy.example_inputs))
    visited = []
    for layer, values in toy.walk(*fresh(toy.example_inputs)):
        visited.append(layer)
        assert layer in values
        assert_same(toy.returned(toy.tail(tuple(values))(values)), expected)
    assert visited == [entry.name for entry in toy.graph.layers]


def test_nested_paths():
    model = toy_model("nested")
    assert [spec.path for spec in model.inputs] == ["x", "parts.a", "parts.b"]
    outputs = {spec.path: spec for spec in model.outputs}
    assert list(outputs) == ["z", "list.0", "list.2.0", "list.2.2", "again", "view", "fresh", "a"]
    assert outputs["again"].layer == outputs["z"].layer
    assert outputs["view"].layer == outputs["list.0"].layer
    assert outputs["list.2.0"].layer == "x"
    assert outputs["list.2.2"].layer is None
    assert outputs["fresh"].layer is None
    assert len(set(model.graph.outputs)) == len(model.graph.outputs)


def test_a_constant_output_is_not_the_models_own_memory():
    model = toy_model("nested")
    head, tail = model.split(frozenset(model.layer_specs))
    first = tail(head(*model.example_inputs))
    first["fresh"] += 1
    assert_same(tail(head(*model.example_inputs))["fresh"], torch.zeros(2))


def test_x_plus_x_has_one_predecessor():
    model = toy_model("twice")
    (doubled,) = [entry for entry in model.graph.layers if entry.name == "add"]
    assert doubled.inputs == ("exp",)


def test_layers_of_equal_values_are_told_apart():
    class Same(nn.Module):
        def forward(self, x):
            return torch.relu(x) + torch.relu(x), torch.relu(x)

    model = model_of(Same(), (torch.ones(2),), name="toy")
    assert [entry.name for entry in model.graph.layers] == ["x", "relu", "relu_1", "add", "relu_2"]


def test_views_are_no_layers_and_slices_are():
    model = toy_model("chunks")
    kinds = [entry.name.rstrip("_0123456789") for entry in model.graph.layers]
    assert sorted(kinds) == sorted(["x", "sin", "cos", "unbind", "mul", "cat", "select", "add"])


def test_masks_are_constants():
    model = toy_model("masks")
    kinds = {entry.name.rstrip("_0123456789") for entry in model.graph.layers}
    assert kinds == {"x", "slice", "slice_scatter", "matmul", "add", "softmax"}


def test_sets_that_are_not_closed_are_refused(alexnet):
    with pytest.raises(split_model.NotClosedError, match="must hold every model input; 'image' is missing"):
        alexnet.split(frozenset())
    with pytest.raises(split_model.NotClosedError, match="its predecessor"):
        alexnet.split(frozenset({"image", "conv2d"}))
    with pytest.raises(split_model.UnknownLayerError, match="'nonsense'"):
        alexnet.split(frozenset({"image", "nonsense"}))


def test_splits_are_cached(alexnet):
    names = frozenset(entry.name for entry in alexnet.graph.layers[:5])
    assert all(map(operator.is_, alexnet.split(names), alexnet.split(names)))


def test_wrong_inputs_are_named(alexnet):
    head, _ = alexnet.split(frozenset({"image"}))
    with pytest.raises(split_model.InputError, match=r"'image' must be uint8 \[1, 3, 224, 224\]; got float32"):
        head(torch.zeros(1, 3, 224, 224))
    with pytest.raises(split_model.InputError, match="expected the inputs image"):
        head()
    with pytest.raises(split_model.InputError, match="got int"):
        head(3)


def test_warming_up_runs_every_layer(toy, monkeypatch):
    ran = set()
    run = Schedule._run

    def watched(self, slots, recorder):
        ran.update(instruction.name for _, instruction, _ in self.steps)
        run(self, slots, recorder)

    monkeypatch.setattr(Schedule, "_run", watched)
    toy.warm_up()
    needed = {entry.name for entry in toy.graph.layers if entry.inputs}
    assert needed <= ran
