import pytest
import torch
from torch import nn

import split_model
from split_model.pytorch.module_model import model_of

X = torch.ones(1, 3)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torchscript():
    script = torch.jit.script(nn.Linear(3, 3))
    with pytest.raises(split_model.UnsupportedModelError, match="it is TorchScript; load the Python module"):
        model_of(script, (X,), name="toy")
    with pytest.raises(split_model.UnsupportedModelError, match="its part '1' is TorchScript"):
        model_of(nn.Sequential(nn.ReLU(), script), (X,), name="toy")


@pytest.mark.filterwarnings("ignore")
def test_what_torch_ao_quantised():
    quantised = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.ReLU(), nn.Linear(3, 3)), {nn.Linear})
    with pytest.raises(split_model.UnsupportedModelError, match=r"its part '1' is quantised by torch.ao.*torchao"):
        model_of(quantised, (X,), name="toy")


def test_modules_without_values():
    with pytest.raises(split_model.UnsupportedModelError, match=r"\(2 tensors, first 0.weight\); make it on the CPU"):
        model_of(nn.Sequential(nn.Linear(3, 3, device="meta")), (X,), name="toy")
