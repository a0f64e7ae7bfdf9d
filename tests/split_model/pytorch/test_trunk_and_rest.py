"""A small detector in two parts: split anywhere, it finds what the whole module finds."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import split_model
from split_model import TrunkAndRest
from split_model.engines.schedules.compiled import CompiledHeads
from split_model.model import Model
from split_model.pytorch.module_model import model_of

SIZE = 6
QUIET = torch.zeros(1, 2, SIZE, SIZE)
LOUD = torch.arange(2.0 * SIZE * SIZE).reshape(1, 2, SIZE, SIZE) % 7 - 3


class Trunk(nn.Module):
    """Small whole numbers everywhere, so that every way to compute it gives the same bits."""

    def __init__(self):
        super().__init__()
        self.stem, self.scores, self.sides = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 2, 1), nn.Conv2d(4, 4, 1)
        with torch.no_grad():
            for place, layer in enumerate((self.stem, self.scores, self.sides)):
                numbers = torch.arange(layer.weight.numel()).reshape(layer.weight.shape)
                layer.weight.copy_((numbers * (place + 3)) % 5 - 2)
                layer.bias.zero_()

    def forward(self, x):
        y = torch.relu(self.stem(x))
        return {"scores": self.scores(y), "levels": [self.sides(y), None]}


class Rest(nn.Module):
    """Boxes by a threshold. It writes into what it gets, and `view` fails on tensors that are not row-major."""

    def __init__(self, least=2.5, factor=2.0):
        super().__init__()
        self.least = least
        self.register_buffer("factor", torch.tensor(factor))

    def forward(self, computed):
        scores, classes = computed["scores"].view(2, -1).max(0)
        boxes = computed["levels"][0].view(4, -1).t()
        boxes *= self.factor
        keep = scores > self.least
        return [{"boxes": boxes[keep], "labels": classes[keep], "scores": scores[keep], "masks": None}]


def made(rest=None, trunk=None, **more) -> Model:
    return model_of(TrunkAndRest(trunk or Trunk(), rest or Rest()).eval(), (LOUD,), name="made here", **more)


@pytest.fixture(scope="module")
def model() -> Model:
    return made(postprocess=len)


def assert_same(found, expected):
    (found,), (expected,) = found, expected
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert value is None or torch.equal(found[name], value), name


def test_the_rest_is_one_layer_with_outputs_of_unknown_size(model):
    *_, last = model.graph.layers
    assert last.name == model.rest == "rest"
    assert len(last.inputs) == 2
    assert model.graph.outputs == ("rest",)
    assert [(spec.path, spec.layer, spec.dtype, spec.shape) for spec in model.outputs] == [
        ("0.boxes", "rest", "float32", (None, None)),
        ("0.labels", "rest", "int64", (None,)),
        ("0.scores", "rest", "float32", (None,)),
    ]
    found = len(model(LOUD)[0]["scores"])
    assert found > 3
    assert last.output_bytes == found * (4 * 4 + 8 + 4)
    assert model_of(nn.Linear(2, 2), (torch.ones(1, 2),), name="plain").rest is None


@pytest.mark.parametrize("picture", [LOUD, -LOUD, QUIET], ids=["loud", "other", "quiet"])
def test_every_split_finds_what_the_module_finds(model, closed_sets, picture):
    expected = model(picture)
    assert (len(expected[0]["scores"]) == 0) == (picture is QUIET)
    edges = closed_sets(model.graph)
    assert len(edges) > len(model.graph)
    for edge in edges:
        head, tail = model.split(edge)
        sent = {}
        for name, value in head(picture).items():
            arrays = [array.copy() for array in split_model.arrays_of(value)]
            for array in arrays:
                array.flags.writeable = False  # what arrives is; and the rest writes into its arguments
            sent[name] = split_model.value_of(arrays, model.layer_specs[name])
        before = {name: [array.copy() for array in split_model.arrays_of(value)] for name, value in sent.items()}
        assert_same(model.returned(tail(sent)), expected)
        for name, value in sent.items():
            for array, was in zip(split_model.arrays_of(value), before[name], strict=True):
                assert (array == was).all()


def test_outputs_that_come_from_elsewhere_are_assembled(model):
    outputs = model.flatten(model(LOUD))
    found = model.assemble({}, {path: value for path, value in outputs.items() if value is not None})
    assert_same(model.returned(found), model(LOUD))


def test_the_rest_is_measured_like_a_layer(model):
    profile = split_model.profile(model, repeats=1, warmup=0)
    assert profile.layer_s[-1] > 0
    *_, (name, values) = model.walk(LOUD)
    assert name == "rest"
    assert len(values["rest"]) == 3


def test_a_head_with_a_rest_is_not_compiled(model):
    compiled = []
    heads = CompiledHeads(model, after_frames=1, compile_function=lambda module, examples: compiled.append(module))
    heads.head(frozenset(model.layer_specs))
    assert heads.wait(10)
    assert not compiled


def test_a_layer_may_have_the_name_already():
    class Named(nn.Module):
        def forward(self, rest):
            return rest * 2

    model = model_of(TrunkAndRest(Named(), nn.Identity()), (torch.ones(3),), name="named")
    assert [layer.name for layer in model.graph.layers] == ["rest", "mul", "rest_1"]
    assert torch.equal(model.split(frozenset({"rest"}))[1]({"rest": torch.ones(3)}), torch.full((3,), 2.0))


class Uneven(nn.Module):
    """Returns other things than for the example inputs, if the sum is below 0."""

    def __init__(self, other):
        super().__init__()
        self.other = other

    def forward(self, x):
        return self.other(x) if float(x.sum()) < 0 else [x[x > 1]]


@pytest.fixture(scope="module")
def uneven():
    rest = Uneven(None)
    return model_of(TrunkAndRest(nn.Tanh(), rest), (torch.ones(3),), name="uneven"), rest


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda x: [x.no_such_method()], "no attribute 'no_such_method'"),
        (lambda x: [x, x], "nested as for the example inputs"),
        (lambda x: [x.sum()], "expected float32 with 1 dimensions, as for the example inputs; got .*shape=()"),
        (lambda x: [x.double()], "expected float32 with 1 dimensions, as for the example inputs; got .*float64"),
        (lambda x: [3], "expected float32 with 1 dimensions, as for the example inputs; got int"),
        (lambda x: [None], "expected float32 with 1 dimensions, as for the example inputs; got NoneType"),
    ],
)
def test_a_rest_that_fails_or_returns_something_else_is_named(uneven, other, said):
    model, rest = uneven
    rest.other = other
    _, tail = model.split(frozenset({"input"}))
    assert tail({"input": torch.ones(3)})[0].tolist() == []
    with pytest.raises(split_model.ExecutionError, match=f"'rest' failed: .*{said}") as raised:
        tail({"input": -torch.ones(3)})
    assert raised.value.layer == "rest"


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (lambda x: {"count": 3}, "returns int at 'count'; expected tensors, which can be sent"),
        (lambda x: x.no_such_method(), r"the rest \(Call\) failed on the example inputs: AttributeError"),
    ],
)
def test_a_rest_that_cannot_be_a_layer_is_refused(rest, said):
    class Call(nn.Module):
        def forward(self, x):
            return rest(x)

    with pytest.raises(split_model.UnsupportedModelError, match=said) as raised:
        model_of(TrunkAndRest(nn.ReLU(), Call()), (torch.ones(3),), name="bad")
    assert str(raised.value).count("\n") < 3


def test_the_digest_covers_the_rest(model):
    assert made(Rest(least=4.5)).digest != model.digest == made().digest


def test_the_digest_does_not_depend_on_what_the_example_shows(model):
    """Else a detector's digest would depend on the boxes that this machine's rounding lets pass."""
    quiet = model_of(TrunkAndRest(Trunk(), Rest()).eval(), (QUIET,), name="any")
    assert quiet.digest == model.digest
    assert quiet.graph.layers[-1].output_bytes == 0


def test_runs_that_are_slightly_off(model):
    runs = list(model.nearby((LOUD,), 1e-3, 3))
    expected = model(LOUD)[0]["scores"]
    largest = float(model.original.reference.module.trunk(LOUD)["scores"].detach().abs().max())
    assert len(runs) == 3
    for run in runs:
        (found,) = model.returned(run)
        assert found["scores"].shape == expected.shape
        off = (found["scores"] - expected).abs().max()
        assert 0 < float(off) <= 1.001e-3 * largest
    assert not list(model_of(nn.Linear(2, 2), (torch.ones(1, 2),), name="plain").nearby((torch.ones(1, 2),), 1.0, 3))


def test_postprocess_is_kept(model):
    assert model.postprocess is len


def test_the_example_of_the_documentation(tmp_path, monkeypatch):
    page = Path(__file__).parents[3] / "docs/detectors.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "own_detector.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with torch.random.fork_rng():
        model = split_model.load("own_detector:detector")
    picture = torch.arange(3 * 64 * 64).reshape(1, 3, 64, 64).mul(7919).remainder(256).to(torch.uint8)
    head, tail = model.split(frozenset(layer.name for layer in model.graph.layers[:3]))
    found, expected = tail(head(picture)), model(picture)
    assert 0 < len(found["scores"]) < 64
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
