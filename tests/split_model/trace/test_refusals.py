"""What cannot be traced is refused in one line, with the user's line and the cure; torch says nothing beside it."""

import numpy as np
import pytest
import torch
from torch import nn

import split_model
from split_model.pytorch.module_model import model_of

X = torch.linspace(-1, 1, 6).reshape(2, 3)
DIVIDE = r"split_model\.TrunkAndRest\(trunk, rest\)"


class Branch(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


class BooleanIndex(nn.Module):
    def forward(self, x):
        return x[x > 0] * 2


class Nonzero(nn.Module):
    def forward(self, x):
        rows = x.nonzero()
        return x if len(rows) == 0 else rows


class Item(nn.Module):
    def forward(self, x):
        return x * x.max().item()


class Numpy(nn.Module):
    def forward(self, x):
        return x + torch.from_numpy(np.sort(x.numpy()))


class Detector(nn.Module):
    def select_boxes(self, x):
        return x[0] if x[0, 0] > 0 else x[1]

    def forward(self, x):
        return self.select_boxes(x * 2)


class Packs(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTM(3, 2)

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x[:, None], torch.tensor([2]))
        return self.cell(packed)[1]


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Drops(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x)


CASES = [
    (Branch, rf"a branch, size or number depends on values .*`return x \* 2 if .*torch\.cond.*{DIVIDE}"),
    (BooleanIndex, rf"the shape of index depends on values .*`return x\[x > 0\] \* 2`.*torch\.where.*{DIVIDE}"),
    (Nonzero, rf"depends on values .*`return x if len\(rows\) == 0.*{DIVIDE}"),
    (Item, rf"a number or size depends on values .*\.item\(\)`.*drop \.item\(\).*{DIVIDE}"),
    (Numpy, r"leaves torch for numpy .*np\.sort\(x\.numpy\(\)\).*use torch's operators"),
    (Detector, rf"selects boxes by their values .*`return x\[0\] if.*divide the module there: {DIVIDE}"),
    (Packs, r"packs sequences .*`return self\.cell\(packed\).*padded tensor"),
    (Noise, r"draws random numbers \(aten\.randn_like\.default .*take the noise as an input"),
    (Drops, r"draws random numbers .*dropout.*training=self\.training"),
]


@pytest.mark.parametrize(("kind", "message"), CASES)
def test_cause_place_and_cure_in_one_line(kind, message, capfd):
    model = nn.Sequential(nn.Linear(3, 3), nn.ModuleDict({"part": kind()})["part"]).eval()
    with pytest.raises(split_model.UnsupportedModelError, match=message) as refusal:
        model_of(model, (X,), name="toy")
    text = str(refusal.value)
    assert "test_refusals.py:" in text
    assert "in '1')" in text
    assert "\n" not in text
    assert len(text) < 500
    assert capfd.readouterr() == ("", "")


def test_a_forward_that_fails_is_named_by_its_line(capfd):
    class Narrow(nn.Module):
        def forward(self, x):
            return x @ torch.ones(4, 1)

    with pytest.raises(
        split_model.UnsupportedModelError, match=r"fails on its example inputs at .*`return x @"
    ) as refusal:
        model_of(Narrow(), (X,), name="toy")
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


def test_only_runs_of_the_module_itself_print(capfd):
    class Prints(nn.Module):
        def forward(self, x):
            print(type(x).__name__)
            return x * 2

    model_of(Prints(), (X,), name="toy")
    assert set(capfd.readouterr().out.split()) == {"Tensor"}


def test_an_import_in_forward_that_finds_another_package():
    class Lazy(nn.Module):
        def forward(self, x):
            from partitioner.blocks import block

            return block(x)

    with pytest.raises(
        split_model.UnsupportedModelError, match=r"'partitioner' is .*: import what forward needs at the"
    ):
        model_of(Lazy(), (X,), name="toy")


def test_a_detector_of_torchvision_has_a_name():
    class Ssd(Detector):
        __module__ = "torchvision.models.detection.ssd"

    with pytest.raises(
        split_model.UnsupportedModelError,
        match=rf"load it by its name, torchvision:NAME .*, or divide the module there: {DIVIDE}",
    ):
        model_of(Ssd(), (X,), name="toy")
