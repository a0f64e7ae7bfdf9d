import pytest
import torch
from torch import nn

import split_model
from split_model.errors import NoOnnxFormError, UnsupportedModelError
from split_model.pytorch.module_model import model_of


@pytest.fixture(scope="module")
def doubles():
    """A model for which ONNX Runtime lacks an operator: it has no convolution of float64."""
    network = nn.Sequential(nn.ReLU(), nn.Conv2d(1, 2, 3)).double().eval()
    return model_of(network, (torch.ones(1, 1, 4, 4, dtype=torch.float64),), name="doubles")


def test_an_operator_that_onnx_runtime_lacks_for_a_dtype_is_named_and_no_file_is_made(doubles, tmp_path):
    path = tmp_path / "doubles.dads"
    path.write_bytes(b"what was there")
    with pytest.raises(NoOnnxFormError, match=r"cannot run layer \S+ \(Conv, float64\) on a CPU") as refused:
        split_model.export_model(doubles, path)
    assert any(f"layer {layer.name} " in str(refused.value) for layer in doubles.graph.layers)
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("doubles.dads", b"what was there")]


def test_what_else_onnx_runtime_says_of_a_file_is_passed_on(doubles, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise UnsupportedModelError("a reason of its own")

    monkeypatch.setattr("split_model.engines.onnx.building.open_session", refuse)
    with pytest.raises(NoOnnxFormError, match="a reason of its own; the model runs in torch"):
        split_model.export_model(doubles, tmp_path / "doubles.dads")
    assert list(tmp_path.iterdir()) == []
