import pytest
import torch
from torch import nn

import split_model
from split_model.faithful import witness
from split_model.faithful.answers import answers_of, plain_answer, tolerance_of
from split_model.pytorch.module_model import model_of
from split_model.specs import TensorSpec
from split_model.trace.capture import capture

CPU = torch.device("cpu")
X = torch.linspace(-1, 1, 6).reshape(2, 3)


class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(2, 2, 1), nn.BatchNorm1d(2)

    def forward(self, x, times, other):
        y = torch.relu(self.norm(self.conv(x[None])))
        return {"y": y, "again": [y, times, None], "one": other.t(), "constant": torch.ones(2)}


def test_every_way_to_ask_gives_the_answer():
    module = Several().eval()
    model = model_of(module, (X, 3, X), name="toy")
    captured = capture(module, (X, 3, X.clone()))
    inputs = (torch.rand(2, 3), 3, torch.rand(2, 3))
    expected = module(*inputs)
    asked = [*answers_of(model.split, model.graph), plain_answer(captured, CPU)]
    assert len(asked) == 3
    for answer in asked:
        found = answer(inputs)
        torch.testing.assert_close(found, expected)
        assert found["again"][1:] == [3, None]


@pytest.mark.parametrize(
    ("dtypes", "device", "tolerance"),
    [
        (["float32"], "cpu", 1e-4),
        (["float32", "float16"], "cpu", 1e-2),
        (["bfloat16"], "cpu", 5e-2),
        (["float32"], "cuda", 1e-2),
    ],
)
def test_tolerances(dtypes, device, tolerance):
    specs = {str(number): (TensorSpec(dtype, (1,)),) for number, dtype in enumerate(dtypes)}
    assert tolerance_of(specs, torch.device(device)) == tolerance


def test_a_split_that_rounds_otherwise_is_no_other_function(monkeypatch):
    """Sorting turns rounding into other indices: the plain trace decides then."""
    asked = []

    def off(wanted, found):
        asked.append(found)
        return 1.0 if len(asked) in {1, 3} else 0.0

    monkeypatch.setattr(witness, "deviation", off)
    model_of(nn.ReLU(), (X,), name="toy")
    assert len(asked) == 4


def test_a_split_that_answers_otherwise_is_refused(monkeypatch):
    monkeypatch.setattr(witness, "deviation", lambda wanted, found: 1.0 if found is not wanted else 0.0)
    with pytest.raises(split_model.UnsupportedModelError, match="the same inputs otherwise each time"):
        model_of(nn.ReLU(), (X,), name="toy")
