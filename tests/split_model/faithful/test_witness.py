"""Modules as people write them: caches and state of every kind, compared with their split, and left as they were."""

import functools
import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import split_model
from split_model.pytorch import module_model as model_module
from split_model.pytorch.module_model import model_of

X = torch.linspace(-1, 1, 6).reshape(2, 3)


@functools.lru_cache
def cached_grid(size):
    return torch.arange(float(size))


class InAnAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.grid = None

    def forward(self, x):
        if self.grid is None or self.grid.shape[0] != x.shape[1]:
            self.grid = torch.arange(float(x.shape[1]))
        return x * 2 + self.grid


class InTheClass(nn.Module):
    grid = None

    def forward(self, x):
        if InTheClass.grid is None:
            InTheClass.grid = torch.arange(float(x.shape[1]))
        return x * 2 + InTheClass.grid


class InBoth(nn.Module):
    """As YOLO's heads: the class remembers the shape that the instance's grid is for."""

    shape = None

    def forward(self, x):
        if InBoth.shape != x.shape:
            self.grid, InBoth.shape = torch.arange(float(x.shape[1])), x.shape
        return x * 2 + self.grid


class InAFunction(nn.Module):
    def forward(self, x):
        return x * 2 + cached_grid(x.shape[1])


class Helper:
    def __init__(self):
        self.known = {}

    def grid(self, size):
        if size not in self.known:
            self.known[size] = torch.arange(float(size))
        return self.known[size]


class InAHelper(nn.Module):
    def __init__(self):
        super().__init__()
        self.helper = Helper()

    def forward(self, x):
        return x * 2 + self.helper.grid(x.shape[1])


class InALazyBuffer(nn.Module):
    def forward(self, x):
        if not hasattr(self, "grid"):
            self.register_buffer("grid", torch.arange(float(x.shape[1])))
        return x * 2 + self.grid


class InAHook(nn.Module):
    """As transformers' models: hooks are added in the first call."""

    hooked = False

    def __init__(self):
        super().__init__()
        self.linear = nn.Identity()

    def forward(self, x):
        if not self.hooked:
            self.linear.register_forward_hook(lambda module, args, output: output * 2 + torch.arange(3.0))
            self.hooked = True
        return self.linear(x)


CACHES = [InAnAttribute, InTheClass, InBoth, InAFunction, InAHelper, InALazyBuffer, InAHook]


@pytest.mark.parametrize("kind", CACHES)
def test_caches_hold_tensors_with_values_afterwards(kind):
    module = nn.Sequential(kind())
    model = model_of(module, (X,), name="toy")
    expected = X * 2 + torch.arange(3.0)
    assert torch.equal(module(X), expected)
    assert type(module(X)) is torch.Tensor
    assert torch.equal(model(X), expected)
    head, tail = model.split(frozenset(model.graph.layers[0].name for _ in "x"))
    assert torch.equal(tail(head(X)), expected)


@pytest.mark.parametrize("kind", [InAnAttribute, InAHelper, InALazyBuffer, InAHook])
def test_caches_are_empty_again(kind):
    module = kind()
    before, helper = dict(vars(module)), getattr(module, "helper", None)
    model_of(module, (X,), name="toy")
    assert vars(module).keys() == before.keys()
    assert all(vars(module)[name] is value for name, value in before.items())
    assert not module.state_dict()
    assert not any(part._forward_hooks for part in module.modules())
    assert helper is None or helper.known == {}


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * 2


class History(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(1)
        return x * 2


class ClassCounter(nn.Module):
    calls = 0

    def forward(self, x):
        ClassCounter.calls += 1
        return x * 2


class HelperCounter(nn.Module):
    def __init__(self):
        super().__init__()
        self.helper = Helper()

    def forward(self, x):
        self.helper.known["calls"] = self.helper.known.get("calls", 0) + 1
        return x * 2


class Counts(nn.Module):
    """Its state decides its answer."""

    calls = 0

    def forward(self, x):
        self.calls = self.calls + 1
        return x * self.calls


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (Counter(), "0.calls"),
        (History(), "0.seen.1"),
        (ClassCounter(), "ClassCounter.calls"),
        (HelperCounter(), "0.helper.known.calls"),
        (Counts(), "0.calls"),
    ],
)
def test_state_is_refused_by_name(module, name):
    with pytest.raises(split_model.UnsupportedModelError, match="keeps state from call to call") as refusal:
        model_of(nn.Sequential(module), (X,), name="toy")
    assert f"({name})" in str(refusal.value)


def test_what_a_call_writes_anew_each_time_is_warned_of():
    class KeepsItsFeatures(nn.Module):
        def forward(self, x):
            self.features = x * 3
            return self.features + 1

    module = KeepsItsFeatures()
    with (
        pytest.warns(UserWarning, match="forward assigns features"),
        pytest.warns(UserWarning, match="writes features in each call, and a split model does not"),
    ):
        model = model_of(module, (X,), name="toy")
    assert not hasattr(module, "features")
    assert torch.equal(model(X), X * 3 + 1)


def test_a_model_with_scratch_is_compared_twice_too(monkeypatch):
    class KeepsItsFeatures(nn.Module):
        def forward(self, x):
            self.features = x * 3
            return x + 1

    asked = []
    ways = model_module.answers_of

    def counted(*args):
        def asking(number, way):
            return lambda inputs: (asked.append(number), way(inputs))[1]

        return [asking(number, way) for number, way in enumerate(ways(*args))]

    monkeypatch.setattr(model_module, "answers_of", counted)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        model_of(KeepsItsFeatures(), (X,), name="toy")
    assert asked == [0, 1]
    assert len([each for each in warned if "in each call" in str(each.message)]) == 1


def test_what_the_call_before_left_decides_nothing():
    class Difference(nn.Module):
        def __init__(self):
            super().__init__()
            self.previous = [torch.zeros(2, 3)]

        def forward(self, x):
            changed = x - self.previous[0]
            self.previous[0] = x
            return changed

    with pytest.warns(UserWarning), pytest.raises(split_model.UnsupportedModelError):  # noqa: PT030  # torch's own text
        model_of(Difference(), (X,), name="toy")


def test_state_that_decides_the_answer_is_refused():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("state", torch.zeros(2, 3))

        def forward(self, x):
            self.state = self.state / 2 + x
            return self.state

    module = Recurrent()
    state = module.state
    with pytest.raises(split_model.UnsupportedModelError, match=r"changes its buffers when it runs \(state\)"):
        model_of(module, (X,), name="toy")
    assert module.state is state
    assert not state.any()


def test_the_first_input_must_not_decide():
    class FirstWins(nn.Module):
        scale = None

        def forward(self, x):
            if self.scale is None:
                self.scale = x.max()
            return x * self.scale

    module = FirstWins()
    with pytest.raises(split_model.UnsupportedModelError, match="another function than the model"):
        model_of(module, (X,), name="toy")
    assert module.scale is None


@pytest.mark.parametrize("returns", [lambda x, kept: x + kept, lambda x, kept: (kept, x * 2)])
def test_tensors_of_the_trace_that_stay_are_refused(returns):
    kept = [torch.ones(3)]

    class Keeps(nn.Module):
        def forward(self, x):
            if torch.compiler.is_exporting():
                kept[0] = x * 2
            return returns(x, kept[0])

    with pytest.raises(split_model.UnsupportedModelError, match="runs no more once torch"):
        model_of(Keeps(), (X,), name="toy")


def test_a_global_that_carries_values_from_call_to_call_is_refused():
    last = [X]

    class Chained(nn.Module):
        def forward(self, x):
            before, last[0] = last[0], x * 2
            return x + before

    with pytest.raises(split_model.UnsupportedModelError, match="the same inputs otherwise each time"):
        model_of(Chained(), (X,), name="toy")


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_numbers_drawn_outside_torch_are_refused(draw):
    class Noise(nn.Module):
        def forward(self, x):
            return x * float(draw())

    random.seed(1)
    np.random.seed(1)  # noqa: NPY002  # what such models draw from
    with pytest.raises(split_model.UnsupportedModelError, match="the same inputs otherwise each time"):
        model_of(Noise(), (X,), name="toy")
    after = draw()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002  # see above
    assert draw() == after


def test_torchs_random_numbers_are_left_as_they_were():
    class Noise(nn.Module):
        def forward(self, x):
            return x * torch.rand(3)

    before = torch.get_rng_state()
    with pytest.raises(split_model.UnsupportedModelError, match="draws random numbers"):
        model_of(Noise(), (X,), name="toy")
    assert torch.equal(torch.get_rng_state(), before)


def test_one_tensor_as_two_inputs():
    class Siamese(nn.Module):
        def forward(self, left, right):
            return left * 2 - right

    memory = torch.arange(12.0)
    for inputs in [(X, X), (memory[:6], memory[6:]), (memory[:6], memory[2:8])]:
        model = model_of(Siamese(), inputs, name="toy")
        assert [entry.name for entry in model.graph.layers][:2] == ["left", "right"]
        head, tail = model.split(frozenset({"left", "right"}))
        left, right = (torch.rand(inputs[0].shape) for _ in "lr")
        assert torch.equal(tail(head(left, right)), left * 2 - right)


def test_a_module_is_left_as_it_was():
    module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(8, 2))
    module[1].eval()
    module[4].requires_grad_(False)
    module[0].weight.grad = torch.ones_like(module[0].weight)
    image = torch.rand(1, 3, 2, 2, requires_grad=True)
    state = {name: (tensor, tensor.clone()) for name, tensor in module.state_dict(keep_vars=True).items()}
    flags = [(part.training, dict(vars(part))) for part in module.modules()]
    model = model_of(module, (image,), name="toy", evaluate=True)
    with torch.no_grad():
        expected = model(image)
    for name, tensor in module.state_dict(keep_vars=True).items():
        assert tensor is state[name][0]
        assert torch.equal(tensor, state[name][1])
        assert tensor.requires_grad == (
            name.startswith(("0.", "1.")) and tensor.is_floating_point() and "running" not in name
        )
    assert torch.equal(module[0].weight.grad, torch.ones_like(module[0].weight))
    for part, (training, attributes) in zip(module.modules(), flags, strict=True):
        assert part.training == training
        assert vars(part).keys() == attributes.keys()
        assert all(vars(part)[name] is value for name, value in attributes.items())
    module.eval()
    assert torch.equal(module(image), expected)
    module(image).sum().backward()  # nothing that it keeps was made in inference mode


def test_statistics_are_left_as_they_were_after_a_refusal():
    module = nn.BatchNorm1d(3).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(split_model.UnsupportedModelError, match="call \\.eval"):
        model_of(module, (X,), name="toy")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_lazy_module_gets_its_parameters():
    model = model_of(nn.Sequential(nn.LazyLinear(2), nn.ReLU()), (X,), name="toy")
    assert model.outputs[0].shape == (2, 2)


def test_weights_made_in_each_call_are_no_state():
    with pytest.warns(FutureWarning, match="weight_norm"):
        module = nn.Sequential(torch.nn.utils.weight_norm(nn.Linear(3, 3)), nn.ReLU())
    module = nn.Sequential(*module, torch.nn.utils.spectral_norm(nn.Linear(3, 2))).eval()
    model = model_of(module, (X,), name="toy")
    assert torch.allclose(model(X), module(X))


def test_inputs_of_which_few_are_valid():
    class Embeds(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(5, 3)

        def forward(self, tokens, at, lengths):
            return self.table(tokens) * lengths[:, None], self.table(at.long())

    tokens, at = torch.tensor([4, 0, 3]), torch.tensor([0, 4, 2], dtype=torch.uint8)
    model = model_of(Embeds(), (tokens, at, torch.ones(3)), name="toy")
    assert len(model.outputs) == 2


def test_a_forward_that_fails_on_the_examples():
    with pytest.raises(split_model.UnsupportedModelError, match="fails on its example inputs: RuntimeError: mat1"):
        model_of(nn.Linear(4, 2), (X,), name="toy")


def test_nothing_is_compiled():
    def compiles(*_):
        raise AssertionError("a part was compiled")

    part = torch.compile(nn.Linear(3, 4), backend=compiles)
    model = model_of(torch.compile(nn.Sequential(part, nn.ReLU()), backend=compiles), (X,), name="toy")
    assert list(model.places.values())[1:] == ["0", "1"]
