import json
import pickle  # noqa: TID251  # writes what must not be read
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import split_model
from split_model.file_kinds import kind_of_file


class Runs:
    """What a pickle may do to whoever reads it."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def write_script(path):
    torch.jit.script(nn.Linear(2, 2)).save(path)


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data/aotinductor/model/a.so", b"")


KINDS = {
    "a pickled module of class torch.nn.modules.linear.Linear": lambda path: torch.save(nn.Linear(2, 2), path),
    "a checkpoint that holds pathlib.Path too": lambda path: torch.save(Runs(), path),
    r"weights alone \(a state_dict\)": lambda path: torch.save(nn.Linear(2, 2).state_dict(), path),
    r"weights alone \(a state_dict\): load": lambda path: torch.save(
        nn.Linear(2, 2).state_dict(), path, _use_new_zipfile_serialization=False
    ),
    "a pickled module of class torch.fx.graph_module.reduce_graph_module": lambda path: torch.save(
        torch.fx.symbolic_trace(nn.Linear(2, 2)), path
    ),
    "TorchScript: load the Python module": write_script,
    r"weights alone \(safetensors\)": lambda path: safetensors.torch.save_file({"a": torch.ones(2)}, path),
    "a pointer of Git LFS": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
    "a pickle without tensors": lambda path: path.write_bytes(pickle.dumps([1, "a"])),
    "a zip archive that ends too early: copy or download": lambda path: path.write_bytes(b"PK\x03\x04 and no more"),
    "of an unknown kind": lambda path: path.write_bytes(b"not a model"),
    "a model that AOTInductor compiled": write_zip,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_other_files_are_named(kind, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    KINDS[kind](Path("net.pt2"))
    with pytest.raises(
        split_model.UnknownModelError, match=f"not a file that torch.export.save wrote: it is {kind}"
    ) as e:
        split_model.load("file:net.pt2")
    assert any(cure in str(e.value) for cure in ("export", "factory", "git lfs pull", "download it again"))
    assert "\n" not in str(e.value)
    assert not Path("ran").exists()
    assert capfd.readouterr().err == ""


def test_onnx_by_its_name(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x08")
    assert kind_of_file(path).startswith("an ONNX model: ")


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(split_model.UnknownModelError, match=r"no model file .*: it is a folder"):
        split_model.load(f"file:{tmp_path}")
    with pytest.raises(split_model.UnknownModelError, match=r"no model file .*: it is missing"):
        split_model.load(f"file:{tmp_path}/net.pt2")


def test_an_export_that_torch_cannot_read(tmp_path, capfd):
    path = tmp_path / "net.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/archive_format", "pt2")
        archive.writestr("net/models/model.json", json.dumps({"schema_version": {"major": 99, "minor": 0}}))
    with pytest.raises(split_model.UnknownModelError, match="or of another torch than") as refusal:
        split_model.load(f"file:{path}")
    assert len(str(refusal.value)) < 600
    assert capfd.readouterr().err == ""


class Keywords(nn.Module):
    def forward(self, x, *, y):
        return x * 2 - y


def test_an_export_with_keyword_arguments(tmp_path):
    x, y = torch.arange(2.0), torch.ones(2)
    torch.export.save(torch.export.export(Keywords(), (x,), {"y": y}), tmp_path / "net.pt2")
    model = split_model.load(f"file:{tmp_path / 'net.pt2'}")
    assert [spec.path for spec in model.inputs] == ["x", "y"]
    head, tail = model.split(frozenset({"x", "y"}))
    assert torch.equal(tail(head(y, y=x)), y * 2 - x)
    assert torch.equal(model(x, y=y), x * 2 - y)
    assert torch.equal(model(*model.example_inputs), x * 2 - y)


def test_an_export_in_training_mode(tmp_path):
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    torch.export.save(torch.export.export(module, (torch.ones(1, 2),)), tmp_path / "net.pt2")
    with pytest.raises(split_model.UnsupportedModelError, match=r"draws random numbers .*call \.eval\(\) before"):
        split_model.load(f"file:{tmp_path / 'net.pt2'}")
