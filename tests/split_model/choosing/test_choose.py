"""A small model through its whole life on a machine: captured, exported, compared, kept, found again, damaged."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import split_model
from split_model.choosing import choose as choosing
from split_model.engines.onnx.sessions import Sessions
from split_model.errors import EngineUnavailableError, MissingExtraError, NoOnnxFormError, WeightsError


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, picture):
        found = self.norm(self.first(picture.float() / 255)).relu()
        return {"mean": found.mean((2, 3)), "parts": [found.amax((1, 2, 3)), 7]}


class Odd(nn.Module):
    def forward(self, x):
        return torch.fft.rfft(x).real


class Double(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(2, 2, 3, dtype=torch.float64)

    def forward(self, x):
        return self.first(x)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    torch.manual_seed(0)
    return saved(Net(), torch.randint(0, 256, (1, 3, 12, 12), dtype=torch.uint8), tmp_path_factory.mktemp("nets"))


@pytest.fixture(scope="module")
def cache(spec, tmp_path_factory):
    """What the first start keeps."""
    folder = tmp_path_factory.mktemp("cache")
    steps = []
    model = split_model.load(spec, engine="onnx", cache=folder, threads=1, on_step=steps.append)
    model.engine.close()
    assert steps[:3] == ["tracing", "exporting it to ONNX", "comparing ONNX Runtime with torch"]
    assert steps[3].startswith("runs in onnx: ")
    return folder


@pytest.fixture(scope="module")
def in_torch(spec):
    return split_model.load(spec)


@pytest.fixture
def never(monkeypatch):
    """A capture or an export is a failure."""

    def refuse(*_, **__):
        raise AssertionError("captured or exported again")

    monkeypatch.setattr("split_model.pytorch.loading.load_module", refuse)
    monkeypatch.setattr("split_model.exporting.to_file.export_model", refuse)


def saved(module, example, folder):
    path = folder / "model.pt2"
    torch.export.save(torch.export.export(module.eval(), (example,)), path)
    return f"file:{path}"


def answers(model):
    head, tail = model.split(frozenset(entry.name for entry in model.graph.layers if not entry.inputs))
    return tail.run(head.run(model.example_inputs))


def same(one, other):
    return one.keys() == other.keys() and all(np.allclose(one[path], other[path], rtol=1e-5) for path in one)


def test_a_second_start_captures_nothing_in_either_engine(spec, cache, in_torch, never):
    for engine in ("onnx", "torch"):
        model = split_model.load(spec, engine=engine, cache=cache, threads=1)
        assert (model.engine.name, model.digest) == (engine, in_torch.digest)
        assert model.definition.graph == in_torch.graph
        assert same(answers(model), answers(in_torch))
        assert model.original is not None
        model.engine.close()


def test_the_module_itself_is_built_when_it_is_asked_for(spec, cache, in_torch, never):
    model = split_model.load(spec, engine="onnx", cache=cache, threads=1)
    given = model(*in_torch.example_inputs)
    assert torch.equal(given["mean"], in_torch(*in_torch.example_inputs)["mean"])
    model.engine.close()


def test_a_cloud_from_what_is_kept_answers_any_cut_at_once(spec, cache, in_torch, never, monkeypatch):
    monkeypatch.setattr(Sessions, "get", lambda *_: None)  # no session is there yet
    monkeypatch.setattr(Sessions, "wait", lambda *_: pytest.fail("a run waited for a session"))
    model = split_model.load(spec, engine="onnx", cache=cache, threads=1, bridged=True)
    assert model.engine.preparation is split_model.Preparation.BRIDGED
    assert same(answers(model), answers(in_torch))
    model.engine.close()


def test_a_second_start_imports_no_torch(spec, cache):
    script = """
import json, sys
import split_model
model = split_model.load(sys.argv[1], engine="onnx", cache=sys.argv[2], threads=1)
head, tail = model.split(frozenset(entry.name for entry in model.graph.layers if not entry.inputs))
tail.run(head.run(model.example_inputs))
model.engine.close()
print(json.dumps([model.digest, sorted({"torch", "sympy", "torchvision"} & sys.modules.keys())]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, spec, str(cache)], capture_output=True, text=True, check=True, timeout=60
    )
    digest, imported = json.loads(done.stdout)
    assert imported == []
    assert len(digest) == 64


@pytest.mark.parametrize("kind", ["model", "trace", "source", "verdict"])
def test_a_damaged_entry_is_made_again(spec, cache, in_torch, kind, caplog):
    (path,) = (path for path in cache.iterdir() if path.name.startswith(f"{kind}-"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 255]) + whole[len(whole) // 2 + 1 :])
    engine = "torch" if kind == "trace" else "onnx"
    model = split_model.load(spec, engine=engine, cache=cache, threads=1)
    model.engine.close()
    assert "damaged" in caplog.text
    assert model.digest == in_torch.digest
    assert same(answers(model), answers(in_torch))
    assert path.exists()


def test_auto_says_why(spec, cache, monkeypatch):
    for ratio, engine in ((0.5, "onnx"), (1.5, "torch")):
        for path in cache.glob("verdict-*"):
            path.unlink()
        monkeypatch.setattr(choosing, "seconds", lambda *_, ratio=ratio: (1.0, ratio))
        said = []
        model = split_model.load(spec, engine="auto", cache=cache, threads=1, on_step=said.append)
        model.engine.close()
        assert model.engine.name == engine
        assert said[-1].startswith(f"runs in {engine}: ")
        monkeypatch.setattr(choosing, "seconds", None)  # the verdict is kept
        again = split_model.load(spec, engine="auto", cache=cache, threads=1, on_step=said.append)
        again.engine.close()
        assert said[-1] == said[-2] or said[-1].startswith(f"runs in {engine}: ")


def test_a_model_without_an_onnx_form_runs_in_torch_and_is_refused_elsewhere(tmp_path):
    spec = saved(Odd(), torch.ones(1, 8), tmp_path)
    said = []
    model = split_model.load(spec, engine="auto", cache=tmp_path / "cache", on_step=said.append)
    assert model.engine.name == "torch"
    assert said[-1].startswith("runs in torch: ")
    with pytest.raises(NoOnnxFormError):
        split_model.load(spec, engine="onnx", cache=tmp_path / "cache")


def test_a_model_that_onnx_runtime_refuses_runs_in_torch_and_is_refused_elsewhere(tmp_path):
    """It has an ONNX form: ONNX Runtime has no convolution of float64."""
    spec = saved(Double(), torch.ones(1, 2, 8, dtype=torch.float64), tmp_path)
    for _ in range(2):  # the verdict is kept
        said = []
        model = split_model.load(spec, engine="auto", cache=tmp_path / "cache", on_step=said.append)
        assert model.engine.name == "torch"
        assert said[-1].startswith("runs in torch: ONNX Runtime cannot run ")
    with pytest.raises(NoOnnxFormError, match="ONNX Runtime cannot run "):
        split_model.load(spec, engine="onnx", cache=tmp_path / "cache")


FACTORY = """
import torch
from torch import nn

class Net(nn.Module):
    def forward(self, x, mode):
        return x * 2

def make():
    return Net(), (torch.full((2,), {value}), {mode!r}){postprocess}
"""


def of_factory(folder, name, *, value=1.0, mode="a", postprocess=""):
    path = folder / f"{name}.py"
    path.write_text(FACTORY.format(value=value, mode=mode, postprocess=postprocess))
    return f"{path}:make"


@pytest.mark.parametrize("other", [{"value": 3.0}, {"mode": "b"}])
def test_equal_networks_with_other_example_inputs_are_kept_apart(tmp_path, other):
    """The digest knows neither the values of example inputs nor those that the capture fixed."""
    cache = tmp_path / "cache"
    for name, differs in (("net_one", {}), ("net_two", other), ("net_one", {})):
        spec = of_factory(tmp_path, name, **differs)
        model = split_model.load(spec, engine="onnx", cache=cache, threads=1)
        wanted = {"value": 1.0, "mode": "a", **differs}
        assert model.example_inputs[0].tolist() == [wanted["value"]] * 2
        assert model.example_inputs[1] == wanted["mode"]
        assert answers(model)
        model.engine.close()


def test_a_refused_postprocess_refuses_no_equal_network(tmp_path):
    def load(name, postprocess):
        spec = of_factory(tmp_path, name, postprocess=postprocess)
        return split_model.load(spec, engine="onnx", cache=tmp_path / "cache", threads=1)

    with pytest.raises(NoOnnxFormError, match="postprocess"):
        load("net_json", ", str")
    load("net_plain", "").engine.close()
    with pytest.raises(NoOnnxFormError, match="postprocess"):  # though an equal network is kept by now
        load("net_json", ", str")


def test_without_the_packages_of_an_export_auto_takes_torch_and_keeps_no_verdict(spec, tmp_path, monkeypatch):
    def missing(*_, **__):
        raise MissingExtraError("exporting needs onnxscript")

    monkeypatch.setattr("split_model.exporting.to_file.export_model", missing)
    model = split_model.load(spec, engine="auto", cache=tmp_path)
    assert model.engine.name == "torch"
    assert not list(tmp_path.glob("verdict-*"))
    with pytest.raises(MissingExtraError):
        split_model.load(spec, engine="onnx", cache=tmp_path)


def test_a_file_is_its_models_twin(spec, in_torch, cache, tmp_path):
    path = tmp_path / "net.dads"
    split_model.export_model(in_torch, path, extra={"encodings.json": b"{}"})
    model = split_model.load(f"file:{path}", preprocess=None, threads=1)
    assert (model.digest, model.engine.name, model.original) == (in_torch.digest, "onnx", None)
    assert same(answers(model), answers(in_torch))
    assert model.extra("encodings.json") == b"{}"
    assert model(*model.example_inputs)["parts"][1] == 7
    model.engine.close()
    (tmp_path / "other").write_bytes(path.read_bytes())
    named_otherwise = split_model.load(f"file:{tmp_path / 'other'}")
    named_otherwise.engine.close()
    with pytest.raises(EngineUnavailableError, match="expected auto or onnx"):
        split_model.load(f"file:{path}", engine="torch")
    with pytest.raises(WeightsError):
        split_model.load(f"file:{path}", weights="DEFAULT")


def test_engines_that_do_not_exist_or_not_there_are_named(spec):
    with pytest.raises(EngineUnavailableError, match="unknown engine 'tensorrt'"):
        split_model.load(spec, engine="tensorrt")
    with pytest.raises(EngineUnavailableError, match="on the CPU"):
        split_model.load(spec, engine="onnx", device="cuda")


def test_a_profile_is_measured_once_unless_it_is_wanted_anew(spec, cache, monkeypatch):
    model = split_model.load(spec, engine="torch", cache=cache, threads=1)
    first = split_model.profile(model, repeats=1, warmup=0)
    again = split_model.load(spec, engine="torch", cache=cache, threads=1)
    assert split_model.profile(again, repeats=1, warmup=0) == first
    other = split_model.load(spec, engine="torch", cache=cache, threads=2)
    torch.set_num_threads(1)
    assert other.profiles.read(len(other.graph.layers)) is None
    assert split_model.profile(again, repeats=1, warmup=0, anew=True) != first
    assert Path(cache).is_dir()


def test_without_torch_no_step_is_told_before_the_error(monkeypatch):
    """Where torch is not installed, an import hook finds it missing."""

    class Missing:
        def find_spec(self, name, path, target=None):
            if name == "split_model.pytorch.loading":
                raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.delitem(sys.modules, "split_model.pytorch.loading", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    said = []
    with pytest.raises(MissingExtraError, match="needs torch"):
        split_model.load("zoo:easy_net", on_step=said.append)
    assert said == []
