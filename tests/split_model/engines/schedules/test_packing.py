import pytest
import torch
from torch import nn

import split_model
from split_model.engines.schedules import packing
from split_model.engines.schedules.packing import pack, run_convolution, run_linear
from split_model.pytorch.module_model import model_of
from split_model.trace.capture import capture
from split_model.trace.folding import fold
from split_model.trace.pruning import prune

CPU = torch.device("cpu")
IMAGE = torch.linspace(-1, 1, 4 * 64).reshape(1, 4, 8, 8)


def targets(module: nn.Module, *inputs: torch.Tensor, device: torch.device = CPU) -> list[object]:
    trace = prune(fold(capture(module.eval(), inputs).trace, CPU))
    return [node.target for node in pack(trace, device).nodes if node.target is not None]


needs_packing = pytest.mark.skipif(not packing._usable(), reason="this torch has no packed operators")


@needs_packing
@pytest.mark.parametrize(
    ("module", "inputs", "target"),
    [
        pytest.param(nn.Conv2d(4, 6, 3), IMAGE, run_convolution, id="convolution"),
        pytest.param(nn.Conv2d(4, 8, (3, 1), (2, 1), (1, 0), (1, 1), 4, bias=False), IMAGE, run_convolution, id="all"),
        pytest.param(nn.Linear(8, 3), IMAGE, run_linear, id="linear"),
        pytest.param(nn.Linear(8, 3, bias=False), IMAGE, run_linear, id="no bias"),
    ],
)
def test_packed_operators_give_what_plain_ones_give(module, inputs, target):
    assert targets(module, inputs) == [target]
    model = model_of(module.eval(), (inputs,), name="toy")
    head, tail = model.split(frozenset(model.layer_specs))
    expected = model(inputs)
    for given in (inputs, inputs.contiguous(memory_format=torch.channels_last)):
        found = tail(head(given))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert found.is_contiguous()


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        pytest.param(nn.Linear(8, 3), IMAGE[0, 0, :1], id="one row"),
        pytest.param(nn.Conv1d(4, 3, 3), IMAGE[:, :, 0], id="one dimension"),
        pytest.param(nn.Conv2d(4, 3, 3, padding="same"), IMAGE, id="padding by name"),
        pytest.param(nn.Conv2d(4, 3, 3).double(), IMAGE.double(), id="double"),
        pytest.param(nn.Linear(8, 3).bfloat16(), IMAGE.bfloat16(), id="half precision"),
    ],
)
def test_others_stay_plain(module, inputs):
    assert not {run_convolution, run_linear} & set(targets(module, inputs))


def test_other_devices_stay_plain():
    assert targets(nn.Conv2d(4, 6, 3), IMAGE, device=torch.device("cuda")) == [torch.ops.aten.conv2d.default]


def test_without_the_operators_everything_stays_plain(monkeypatch):
    def missing(*_):
        raise AttributeError("no such operator")

    packing._usable.cache_clear()
    monkeypatch.setattr(packing, "run_linear", missing)
    try:
        assert targets(nn.Conv2d(4, 6, 3), IMAGE) == [torch.ops.aten.conv2d.default]
    finally:
        packing._usable.cache_clear()


class Strided(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(4, 6, 3, padding=1)

    def forward(self, x):
        return self.convolution(x).as_strided((6, 4), (64, 1))


def test_a_model_that_reads_strides_stays_plain():
    assert run_convolution not in targets(Strided(), IMAGE)
    model = model_of(Strided().eval(), (IMAGE,), name="toy")
    head, tail = model.split(frozenset(model.layer_specs))
    torch.testing.assert_close(tail(head(IMAGE)), model(IMAGE))


@needs_packing
def test_what_crosses_is_an_ordinary_tensor():
    module = nn.Sequential(nn.Conv2d(4, 6, 3), nn.Conv2d(6, 2, 3)).eval()
    model = model_of(module, (IMAGE,), name="toy")
    head, tail = model.split(frozenset({"input", "conv2d"}))
    (value,) = head(IMAGE).values()
    assert value.layout is torch.strided
    (array,) = split_model.arrays_of(value)
    assert array.flags.c_contiguous
    torch.testing.assert_close(torch.from_numpy(array), torch.nn.functional.conv2d(IMAGE, *module[0].parameters()))
    torch.testing.assert_close(tail({"conv2d": torch.from_numpy(array)}), model(IMAGE))


def test_outputs_have_the_modules_own_strides():
    module = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU()).eval()
    model = model_of(module, (IMAGE,), name="toy")
    for edge in (frozenset({"input"}), frozenset({"input", "conv2d"}), frozenset(model.layer_specs)):
        head, tail = model.split(edge)
        assert tail(head(IMAGE)).stride() == model(IMAGE).stride()
