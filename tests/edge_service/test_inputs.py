"""Whatever a caller hands in is copied and checked, and what does not fit is an InputError."""

import numpy as np
import pytest
import torch

import split_model
from edge_service import InputError
from edge_service.inputs import own_inputs


@pytest.fixture(scope="module")
def model() -> split_model.Model:
    return split_model.load("zoo:easy_net")


@pytest.fixture
def frame(model) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, model.inputs[0].shape, dtype=np.uint8)


def test_a_callers_buffer_may_be_used_again_at_once(model, frame):
    for given in (frame, torch.from_numpy(frame.copy())):
        (taken,) = own_inputs(model, [given])
        before = taken.clone()
        given[:] = 0
        assert torch.equal(taken, before)


def test_any_strides_and_byte_order_will_do(model, frame):
    (mirrored,) = own_inputs(model, [frame[:, ::-1, :, ::-1]])
    assert np.array_equal(mirrored.numpy(), frame[:, ::-1, :, ::-1])
    read_only = frame.copy()
    read_only.flags.writeable = False
    assert np.array_equal(own_inputs(model, [read_only])[0].numpy(), frame)
    with pytest.raises(InputError, match="is uint16"):
        own_inputs(model, [frame.astype(">u2")])


@pytest.mark.parametrize("wrong", ["s", [1, 2], None, 7, np.array(["a"]), np.array([object()])])
def test_what_is_no_tensor_is_an_input_error(model, wrong):
    with pytest.raises(InputError, match=r"expected a tensor or array, uint8 \[1, 3, "):
        own_inputs(model, [wrong])
