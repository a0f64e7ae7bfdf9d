"""Whatever a program returns becomes strict JSON, or an error that names the place."""

import json

import numpy as np
import pytest
import torch

from edge_service.output.json_values import json_value


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (torch.tensor([[1.5, float("nan")], [float("inf"), -2.0]]), [[1.5, None], [None, -2.0]]),
        (torch.tensor(3), 3),
        (torch.tensor([True, False]), [True, False]),
        (torch.tensor([0.5], dtype=torch.bfloat16, requires_grad=True), [0.5]),
        (torch.ones(2).numpy(), [1.0, 1.0]),
        (np.float32(0.25), 0.25),
        (np.float64("-inf"), None),
        (np.int64(7), 7),
        (np.bool_(1), True),
        (np.array([["a", "b"]]), [["a", "b"]]),
        ((1, [2.0, None], "x"), [1, [2.0, None], "x"]),
        ({"a": {1: np.float16(2)}, np.int64(3): ()}, {"a": {"1": 2.0}, "3": []}),
    ],
)
def test_numbers_of_every_kind(value, made):
    found = json_value(value)
    assert found == made
    assert json.loads(json.dumps(found, allow_nan=False)) == made
    assert type(found) is type(made)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"boxes": [1, {2}]}, r"it\['boxes'\]\[1\] is a set; expected numbers"),
        ([b"x"], r"it\[0\] is a bytes"),
        (object(), "it is an object"),
        (torch.tensor([1j]), r"it\[0\] is a complex"),
        ({(1, 2): 3}, "a key of it is a tuple"),
        ({1: "a", "1": "b"}, "two keys that are written '1'"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), r"it\[0\] is a date"),
    ],
)
def test_other_values_are_named(value, said):
    with pytest.raises(TypeError, match=said):
        json_value(value)
