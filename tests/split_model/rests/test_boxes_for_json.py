import json

import numpy as np
import pytest
import torch

from split_model.errors import ModelError
from split_model.rests.boxes_for_json import BoxesForJson, named_postprocess

NAMES = BoxesForJson(("nothing", "cat"))
NONE = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "scores": torch.zeros(0)}
ONE = {
    "boxes": torch.tensor([[1.004, 2.0, 3.5, 4.0]]),
    "labels": torch.tensor([1]),
    "scores": torch.tensor([0.5]),
    "keypoints": torch.tensor([[[7.0, 8.0, 1.0]]]),
}


@pytest.mark.parametrize("kind", [lambda tensor: tensor, torch.Tensor.numpy], ids=["tensors", "arrays"])
def test_boxes_become_lists(kind):
    def described(found):
        return NAMES([{name: kind(tensor) for name, tensor in found.items()}])

    assert described(NONE) == {"boxes": [], "labels": [], "scores": []}
    assert described(ONE) == {
        "boxes": [[1.0, 2.0, 3.5, 4.0]],
        "labels": ["cat"],
        "scores": [0.5],
        "keypoints": [[[7.0, 8.0, 1.0]]],
    }
    assert described(ONE | {"labels": torch.tensor([9])})["labels"] == ["9"]


def test_rounding_is_torchs():
    numbers = np.random.default_rng(0).uniform(0, 500, (1000, 4)).astype(np.float32)
    found = ONE | {"boxes": torch.from_numpy(numbers)}
    assert NAMES([found])["boxes"] == found["boxes"].double().round(decimals=2).tolist()


def test_a_file_names_it():
    assert named_postprocess(NAMES.name, json.loads(json.dumps(NAMES.parameters))) == NAMES
    with pytest.raises(ModelError, match="unknown postprocess 'mine'; expected 'torchvision-boxes'"):
        named_postprocess("mine", {})
    with pytest.raises(ModelError, match="categories"):
        named_postprocess("torchvision-boxes", {"categories": [1]})
