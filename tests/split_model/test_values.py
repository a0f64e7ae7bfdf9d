import numpy as np
import pytest
import torch

import split_model
from split_model import TensorSpec
from split_model.pytorch.tensors import tensor_of

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_arrays_and_back_through_bytes(dtype, shape):
    tensor = (torch.arange(6).reshape(2, 3) - 1).to(getattr(torch, dtype))
    tensor = tensor[0, 0] if shape == () else tensor[: shape[0]]
    (array,) = split_model.arrays_of(tensor)
    assert array.flags.c_contiguous
    assert array.dtype.name == ("uint16" if dtype == "bfloat16" else dtype)
    read_only = np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(array.shape)
    back = split_model.value_of([read_only], [TensorSpec(dtype, shape)])
    again = tensor_of(back, TensorSpec(dtype, shape))
    assert again.dtype is tensor.dtype
    assert torch.equal(again, tensor)
    assert TensorSpec.of(tensor) == TensorSpec(dtype, shape)
    assert TensorSpec.of(array) == TensorSpec(dtype, shape).carried


@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
@pytest.mark.parametrize("conjugate", [False, True])
def test_complex_numbers_are_pairs_of_floats(dtype, shape, conjugate):
    tensor = torch.complex(torch.arange(6.0), -torch.arange(6.0) - 1).reshape(2, 3).to(getattr(torch, dtype))
    tensor = tensor[1, 1] if shape == () else tensor[: shape[0]]
    tensor = tensor.conj() if conjugate else tensor
    (array,), spec = split_model.arrays_of(tensor), TensorSpec.of(tensor)
    assert (array.dtype.name, array.shape) == (spec.sent.dtype, (*shape, 2)) == (spec.sent.dtype, spec.sent.shape)
    assert array.nbytes == spec.bytes == spec.sent.bytes
    np.testing.assert_array_equal(array[..., 0] + 1j * array[..., 1], tensor.resolve_conj().numpy())
    read_only = np.frombuffer(array.tobytes(), dtype=array.dtype).reshape(array.shape)
    back = split_model.value_of([read_only], [spec])
    again = tensor_of(back, spec)
    assert again.dtype is tensor.dtype
    assert torch.equal(again, tensor)
    with pytest.raises(split_model.InputError, match="complex numbers come as two floats each"):
        split_model.value_of([read_only[..., 0]], [spec])


def test_a_tuple_stays_a_tuple():
    value = (torch.ones(2), torch.zeros(3, dtype=torch.int64))
    specs = [TensorSpec("float32", (2,)), TensorSpec("int64", (3,))]
    back = split_model.value_of(split_model.arrays_of(value), specs)
    assert isinstance(back, tuple)
    assert all((one == other.numpy()).all() for one, other in zip(back, value, strict=True))


def test_contiguous_memory_is_shared_both_ways():
    tensor = torch.arange(4.0)
    (array,) = split_model.arrays_of(tensor)
    assert array.ctypes.data == tensor.data_ptr()
    read_only = np.frombuffer(bytes(16), dtype="<f4")
    value = split_model.value_of([read_only], [TensorSpec("float32", (4,))])
    assert value.ctypes.data == read_only.ctypes.data == tensor_of(value, TensorSpec("float32", (4,))).data_ptr()


def test_the_bytes_outlive_the_array():
    value = split_model.value_of([np.frombuffer(bytes([7] * 8000), np.uint8)], [TensorSpec("uint8", (8000,))])
    assert int(value.sum()) == 56000


def test_unaligned_and_transposed_arrays():
    data = b"x" + np.arange(4, dtype="<f4").tobytes()
    unaligned = np.frombuffer(data, dtype="<f4", offset=1)
    assert split_model.value_of([unaligned], [TensorSpec("float32", (4,))]).tolist() == [0, 1, 2, 3]
    turned = np.arange(6, dtype="<i8").reshape(2, 3).T
    assert split_model.value_of([turned], [TensorSpec("int64", (3, 2))]).tolist() == turned.tolist()
    (array,) = split_model.arrays_of(torch.arange(6).reshape(2, 3).T)
    assert array.tobytes() == np.ascontiguousarray(turned).tobytes()


def test_big_endian_arrays_are_read_right():
    assert split_model.value_of([np.array([1, 2], dtype=">i4")], [TensorSpec("int32", (2,))]).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([], "expected 1 tensors, got 0"),
        ([np.zeros((2, 3), np.float64)], r"expected float32 \[2, 3\], got float64 \[2, 3\]"),
        ([np.zeros((3, 2), np.float32)], r"expected float32 \[2, 3\], got float32 \[3, 2\]"),
    ],
)
def test_what_does_not_fit_is_refused(arrays, message):
    with pytest.raises(split_model.InputError, match=message):
        split_model.value_of(arrays, [TensorSpec("float32", (2, 3))])
