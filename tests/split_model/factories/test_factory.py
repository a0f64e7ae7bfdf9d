"""Factories that nobody here wrote: repositories with their own `models`, arguments, prints, and mistakes."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import torch

import split_model
from split_model.factories.surroundings import OURS

NET = """
import sys
from pathlib import Path

import torch

from models.common import Head
from utils import scale

print("imported", __name__, sys.argv)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = Head()

    def forward(self, x):
        print("forward")
        return self.head(x) * scale()


def build():
    print("built")
    saved = Path(__file__).parent / "best.pt"
    if saved.is_file():
        return torch.load(saved, weights_only=False), torch.ones(1, 2)
    return Net(), torch.ones(1, 2)


def save():
    torch.save(Net(), Path(__file__).parent / "best.pt")
    return build()


def boxes():
    return *build(), lambda outputs: {"boxes": outputs.tolist()}
"""
COMMON = """
import torch


class Head(torch.nn.Linear):
    def __init__(self):
        super().__init__(2, 3)
        torch.nn.init.constant_(self.weight, {weight})
        torch.nn.init.zeros_(self.bias)
"""


def repository(folder, *, weight=1.0, packages=True):
    """A detector's repository: a factory beside packages `models` and `utils` and one named like ours."""
    for name in ("models", "utils", "partitioner"):
        (folder / name).mkdir(parents=True)
        if packages:
            (folder / name / "__init__.py").touch()
    (folder / "models" / "common.py").write_text(COMMON.format(weight=weight))
    (folder / "utils" / "__init__.py").write_text("from partitioner.scales import scale\n")
    (folder / "partitioner" / "scales.py").write_text("def scale():\n    return 2.0\n")
    (folder / "net.py").write_text(NET)
    return folder


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """Forgets the modules and the path of a test's repositories."""
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in sys.modules.keys() - modules:
        if "tmp" in str(getattr(sys.modules[name], "__file__", None) or getattr(sys.modules[name], "__path__", "")):
            del sys.modules[name]


def result(model):
    head, tail = model.split(frozenset({model.graph.layers[0].name}))
    return tail(head(*model.example_inputs)).flatten()[0].item()


@pytest.mark.parametrize("packages", [True, False], ids=["packages", "folders without __init__"])
def test_a_repository_with_packages_named_like_ours(tmp_path, packages, capsys, monkeypatch):
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "partitioner"}
    repository(tmp_path / "yolo", packages=packages)
    monkeypatch.chdir(tmp_path)
    model = split_model.load("./yolo/net.py:build")
    assert model.name == "./yolo/net.py:build"
    assert list(model.places.values()) == ["x", "head", "mul"]
    assert result(model) == 4.0
    assert {name: sys.modules[name] for name in ours} == ours
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:3] == ["imported net ['./yolo/net.py']", "built", "forward"]


def test_two_repositories_in_one_process_and_a_module_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(repository(tmp_path / "one"))
    repository(tmp_path / "two", weight=3.0)
    first = split_model.load("net:build", name="one")
    second = split_model.load(f"{tmp_path / 'two' / 'net.py'}:build")
    again = split_model.load(f"{tmp_path / 'one' / 'net.py'}:build")
    assert (result(first), result(second), result(again)) == (4.0, 12.0, 4.0)
    assert first.name == "one"
    assert first.digest == again.digest != second.digest


def test_a_checkpoint_pickled_from_the_repositorys_models(tmp_path):
    folder = repository(tmp_path / "one", weight=5.0)
    made = split_model.load(f"{folder / 'net.py'}:save")
    (folder / "models" / "common.py").write_text(COMMON.format(weight=0.0))  # from now on made otherwise
    again = split_model.load(f"{folder / 'net.py'}:build")
    assert (again.digest, result(again)) == (made.digest, 20.0)


def test_postprocess(tmp_path):
    model = split_model.load(f"{repository(tmp_path / 'one') / 'net.py'}:boxes")
    assert model.postprocess(model(*model.example_inputs)) == {"boxes": [[4.0, 4.0, 4.0]]}
    assert split_model.load(f"{tmp_path / 'one' / 'net.py'}:build").postprocess is None


def test_torchvision_is_importable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "detector.py").write_text(
        "import torch\nfrom torchvision import ops\n\ndef build():\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), ops.Permute([0, 2, 3, 1])), torch.ones(1, 3, 4, 4)\n"
    )
    assert split_model.load("detector:build").outputs[0].shape == (1, 4, 4, 2)


RAISES = [
    ("def build():\n    x = 1\n    raise ValueError('no\\nwhy')\n", r"own.py:build fails at own.py:3: .*: no why$"),
    ("import no_such_package\n", "own.py:1: ModuleNotFoundError: No module named 'no_such_package'; install what"),
    ("from .blocks import Block\n", "own.py:1: ImportError: .*; name it package.module:factory"),
    ("x = 1\ndef build(:\n", r"own.py:2: SyntaxError: invalid syntax"),
    ("import argparse\np = argparse.ArgumentParser()\np.add_argument('--cfg', required=True)\np.parse_args()\n",
     "own.py:4: it parses arguments, and gets none: .* --cfg; parse arguments only under"),
    ("import sys\ndef build():\n    sys.exit(7)\n", r"own.py:3: it ends the process \(exit code 7\)"),
    ("def build():\n    return open('best.pt')\n", "own.py:2: FileNotFoundError: .*; relative paths begin at"),
    ("import torch\ndef build():\n    return torch.nn.Linear(2, 2).cuda()\n", "own.py:3: .*; make the model on"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message"), RAISES)
def test_what_the_users_code_raises_is_one_line_with_its_own_place(tmp_path, monkeypatch, capsys, code, message):
    if "cuda" in code and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(split_model.FactoryError, match=message) as raised:
        split_model.load("own.py:build")
    assert "\n" not in str(raised.value)
    assert capsys.readouterr() == ("", "")
    assert sys.argv[0] != "own.py"


def test_a_package_above_the_file_is_found_from_there(tmp_path):
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "__init__.py").touch()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "net.py").write_text("from blocks import Block\n")
    words = f"; blocks lies in {tmp_path}: start there, and name it package.module:factory"
    with pytest.raises(split_model.FactoryError, match=re.escape(words)):
        split_model.load(f"{tmp_path / 'tools' / 'net.py'}:build")


RETURNS = [
    ("return 3", "must return another value: expected .*, got int$"),
    ("pass", "got None$"),
    ("return net", "got a Linear without example inputs"),
    ("return net, x, 'labels'", r"must return a function as its third value, postprocess\(outputs\), got str"),
    ("return net, x, 1, 2", r"got a tuple of 4: \(Linear, Tensor, int, int\)"),
    ("return [net, x]", r"got a list of 2: \(Linear, Tensor\); make it a tuple"),
    ("return x, net", r"got a tuple of 2: \(Tensor, Linear\); the module comes first"),
    ("return torch.nn.Linear, x", r"got a tuple of 2: \(the class Linear, Tensor\)"),
    ("return net.to('meta'), x", r"no values on the meta device \(2 tensors, first weight\); make it on the CPU"),
]


@pytest.mark.parametrize(("body", "message"), RETURNS)
def test_what_is_wrong_in_a_return_value_is_said(tmp_path, body, message):
    (tmp_path / "own.py").write_text(
        f"import torch\n\ndef build():\n    net, x = torch.nn.Linear(2, 2), torch.ones(1, 2)\n    {body}\n"
    )
    with pytest.raises(split_model.UnsupportedModelError, match=message):
        split_model.load(f"{tmp_path / 'own.py'}:build")


def test_what_cannot_be_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("def build(cfg, weights, device='cpu'):\n    pass\n\ndef other():\n    pass\n")
    with pytest.raises(split_model.UnsupportedModelError, match=r"own:build wants arguments \(cfg, weights\)"):
        split_model.load("own:build")
    with pytest.raises(split_model.UnknownModelError, match=r"own.py has no function 'make'; it has build, other"):
        split_model.load("own.py:make")
    with pytest.raises(split_model.UnknownModelError, match=r"no file 'none\.py' for none\.py:make"):
        split_model.load("none.py:make")
    with pytest.raises(split_model.BadSpecError, match=r"'own.py' names no function; expected own.py:FUNCTION"):
        split_model.load("own.py")


def test_a_file_that_is_named_like_a_module_of_ours_or_of_the_standard_library(tmp_path):
    for name in ("partitioner", "profile", "two-words"):
        file = tmp_path / f"{name}.py"
        file.write_text("import torch\n\ndef build():\n    return torch.nn.Linear(2, 2), torch.ones(1, 2)\n")
        assert [layer.name for layer in split_model.load(f"{file}:build").graph.layers] == ["input", "linear"]
    import partitioner

    assert partitioner.LayerGraph


def test_every_package_of_ours_gives_way():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert set(project["tool"]["importlinter"]["root_packages"]) == OURS
