import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.testing._internal.two_tensor import TwoTensor

import split_model
from models.preprocessing import IMAGENET, LITE, Normalised
from split_model.pytorch.module_model import model_of
from split_model.trace.capture import capture
from split_model.trace.digest import digest_of

ROOT = Path(split_model.__file__).parent.parent


def net(scale=1.0, bias=True):
    module = nn.Sequential(nn.Conv2d(3, 2, 3, bias=bias), nn.ReLU())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(scale)
    return module.eval()


def digest(module, *inputs):
    return model_of(module, inputs or (torch.ones(1, 3, 8, 8),), name="toy").digest


def test_the_same_in_another_process():
    program = "import split_model; print(split_model.load('zoo:easy_net').digest)"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "5"}
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd="/", env=environment
    )
    assert found.stdout.strip() == split_model.load("zoo:easy_net").digest


def test_the_name_is_no_part_of_it():
    one = model_of(net(), (torch.ones(1, 3, 8, 8),), name="one")
    other = model_of(net(), (torch.ones(1, 3, 8, 8),), name="other")
    assert one.digest == other.digest
    assert len(one.digest) == 64


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: digest(net(2.0)), id="weights"),
        pytest.param(lambda: digest(net(bias=False)), id="structure"),
        pytest.param(lambda: digest(net(), torch.ones(1, 3, 9, 9)), id="shape"),
        pytest.param(lambda: digest(nn.Sequential(net()[0], nn.LeakyReLU(0.1))), id="operator"),
        pytest.param(lambda: digest(net().double(), torch.ones(1, 3, 8, 8).double()), id="dtype"),
    ],
)
def test_whatever_changes_the_answers_changes_it(other):
    assert other() != digest(net())


def test_arguments_count():
    assert digest(nn.LeakyReLU(0.1)) != digest(nn.LeakyReLU(0.2))


def test_wiring_counts():
    class Wired(nn.Module):
        def __init__(self, swapped):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))
            self.swapped = swapped

        def forward(self, x):
            return x * self.b + self.a if self.swapped else x * self.a + self.b

    assert digest(Wired(False)) != digest(Wired(True))


def test_tensors_outside_the_state_count():
    class Lifted(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.value = torch.full((8,), value)

        def forward(self, x):
            return x * self.value

    assert digest(Lifted(1.0)) == digest(Lifted(1.0))
    assert digest(Lifted(1.0)) != digest(Lifted(2.0))


def test_preprocessing_counts():
    image = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    assert digest(Normalised(net(), IMAGENET).eval(), image) != digest(Normalised(net(), LITE).eval(), image)


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
def test_sparse_buffers_count(layout):
    class Sparse(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.register_buffer("matrix", (torch.eye(3) * value).to_sparse(layout=layout))

        def forward(self, x):
            return torch.sparse.mm(self.matrix, x)

    x = torch.arange(9.0).reshape(3, 3)
    assert digest(Sparse(2), x) == digest(Sparse(2), x) != digest(Sparse(3), x)
    model = model_of(Sparse(2), (x,), name="toy")
    head, tail = model.split(frozenset({"x"}))
    assert torch.equal(tail(head(x)), x * 2)


def test_the_parts_of_a_tensor_subclass_count():
    one, same, other = (TwoTensor(torch.ones(2), torch.full((2,), value)) for value in (2.0, 2.0, 3.0))

    captured = capture(nn.ReLU(), (torch.ones(1),))
    found = [digest_of(captured, {"pair": pair}) for pair in (one, same, other)]
    assert found[0] == found[1] != found[2]
