"""The numbers of arrays that carry bits and pairs are those of the tensors."""

import numpy as np
import pytest
import torch

from split_model import TensorSpec, ValueSpec
from split_model.numbers import numbers_by_path, numbers_of
from split_model.pytorch.tensors import array_of

TENSORS = [
    torch.tensor([[1.5, -0.0], [float("inf"), 3e38]]),
    torch.tensor(2.5),
    torch.arange(6).reshape(2, 3),
    torch.tensor([True, False]),
    torch.tensor([1.0, 2.0], dtype=torch.float16),
    torch.tensor([[1.5, -0.0, float("-inf")], [0.007, -3e38, float("nan")]], dtype=torch.bfloat16),
    torch.tensor(1.5, dtype=torch.bfloat16),
    torch.zeros(0, 3, dtype=torch.bfloat16),
    torch.tensor([[1 + 2j, -3j]], dtype=torch.complex64).t(),
    torch.tensor(1 - 2j, dtype=torch.complex128),
    torch.zeros(2, 0, dtype=torch.complex64),
    torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last).bfloat16(),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=str)
def test_they_are_the_tensors_own(tensor):
    found = numbers_of(array_of(tensor), TensorSpec.of(tensor))
    wanted = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_array_equal(found, wanted)


def test_what_is_a_number_already_is_not_copied():
    array = np.ones((2, 3), np.float32).T
    assert numbers_of(array, TensorSpec("float32", (3, 2))) is array


def test_each_path_has_its_own_spec():
    arrays = {"b": np.array([0x3FC0], np.uint16), "a": np.array([7], np.uint16)}
    dtypes = {"a": "uint16", "b": "bfloat16", "c": "bool"}
    specs = [ValueSpec(path, "layer", dtype, (1,)) for path, dtype in dtypes.items()]
    assert numbers_by_path(arrays, specs) == {"b": [1.5], "a": [7]}
