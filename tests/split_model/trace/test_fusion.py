import pytest
import torch
from torch import nn

from split_model.pytorch.module_model import model_of
from split_model.trace.capture import capture
from split_model.trace.digest import digest_of
from split_model.trace.folding import fold
from split_model.trace.fusion import fuse
from split_model.trace.operators import packet
from split_model.trace.pruning import prune


def shake(module: nn.Module) -> nn.Module:
    """Statistics and weights as of a trained model."""
    generator = torch.Generator().manual_seed(5)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.1, 3, generator=generator)
            if part.affine:
                part.weight.data.normal_(generator=generator)
                part.bias.data.normal_(generator=generator)
    return module.eval()


def operators(module: nn.Module, *inputs: torch.Tensor) -> list[str]:
    trace = fuse(prune(fold(capture(module, inputs).trace, torch.device("cpu"))))
    return [packet(node.target).removeprefix("aten.") for node in trace.nodes if node.target is not None]


NORM = "_native_batch_norm_legit_no_training"
IMAGE = torch.linspace(-1, 1, 3 * 36).reshape(1, 3, 6, 6)


@pytest.mark.parametrize(
    ("convolution", "norm", "inputs"),
    [
        pytest.param(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), IMAGE, id="bias"),
        pytest.param(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), IMAGE, id="no bias"),
        pytest.param(nn.Conv2d(3, 6, 3, 2, 1, 1, 3), nn.BatchNorm2d(6), IMAGE, id="groups and stride"),
        pytest.param(nn.Conv2d(3, 4, 3, padding="same", dilation=2), nn.BatchNorm2d(4), IMAGE, id="padding by name"),
        pytest.param(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False), IMAGE, id="no scale"),
        pytest.param(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0.3), IMAGE, id="epsilon"),
        pytest.param(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), IMAGE.flatten(2), id="one dimension"),
        pytest.param(nn.Conv3d(3, 4, 2), nn.BatchNorm3d(4), IMAGE.reshape(1, 3, 3, 3, 4), id="three dimensions"),
        pytest.param(nn.Conv2d(3, 4, 3).double(), nn.BatchNorm2d(4).double(), IMAGE.double(), id="double"),
    ],
)
def test_a_batch_norm_joins_its_convolution(convolution, norm, inputs):
    module = shake(nn.Sequential(convolution, norm))
    assert NORM not in operators(module, inputs)
    model = model_of(module, (inputs,), name="toy")
    head, tail = model.split(frozenset(model.layer_specs))
    torch.testing.assert_close(tail(head(inputs)), module(inputs), rtol=1e-4, atol=1e-5)


def test_the_layer_goes_by_the_batch_norms_name():
    model = model_of(shake(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())), (IMAGE,), name="toy")
    assert [entry.name for entry in model.graph.layers] == ["input", NORM, "relu"]


class OnlyReader(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.convolution, self.norm, self.kind = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), kind

    def forward(self, x):
        y = self.convolution(x)
        if self.kind == "output":
            return y, self.norm(y)
        if self.kind == "read twice":
            return self.norm(y) + y
        if self.kind == "viewed output":
            return y.flatten(1), self.norm(y)
        if self.kind == "after something else":
            return self.norm(torch.cat([y, y], 2))
        return self.norm(self.norm(y))


@pytest.mark.parametrize(
    ("kind", "left"), [("output", 1), ("read twice", 1), ("viewed output", 1), ("after something else", 1), ("two", 0)]
)
def test_only_where_nothing_else_reads_the_convolution(kind, left):
    assert operators(shake(OnlyReader(kind)), IMAGE).count(NORM) == left


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4)), id="transposed"),
        pytest.param(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).bfloat16(), id="half precision"),
    ],
)
def test_others_stay(module):
    module = shake(module)
    inputs = IMAGE.to(next(module.parameters()).dtype)
    assert operators(module, inputs).count(NORM) == 1


def test_weights_that_would_overflow_stay():
    module = shake(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    module[0].weight.data *= 1e30
    module[1].weight.data *= 1e30
    assert operators(module, IMAGE).count(NORM) == 1


def test_the_digest_is_that_of_the_model_before():
    module = shake(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    model = model_of(module, (IMAGE,), name="toy")
    assert model.digest == digest_of(capture(module, (IMAGE,)), module.state_dict())
    before = model.digest
    module[1].running_mean += 1
    assert model_of(module, (IMAGE,), name="toy").digest != before


def test_the_whole_model_stays_the_original():
    module = shake(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    weight = module[0].weight.clone()
    model = model_of(module, (IMAGE,), name="toy")
    with torch.inference_mode():
        assert torch.equal(model(IMAGE), module(IMAGE))
    assert torch.equal(module[0].weight, weight)
