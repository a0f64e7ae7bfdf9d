import torch
from hypothesis import given
from hypothesis import strategies as st

from split_model.faithful.fresh_inputs import apart, fresh_inputs

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64]


@given(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=3), st.integers(0, 100))
def test_they_are_as_valid_as_the_examples(dtype, shape, seed):
    example = torch.rand(shape, generator=torch.Generator().manual_seed(seed)).mul(9).to(dtype)
    for (nested,) in fresh_inputs(({"x": [example, 3, None]},), seed):
        fresh, three, none = nested["x"]
        assert (fresh.dtype, fresh.shape, three, none) == (dtype, example.shape, 3, None)
        if dtype is torch.int64:
            assert set(fresh.flatten().tolist()) <= set(example.flatten().tolist())
        if dtype is torch.float32 and example.numel() > 1:
            assert example.min() - 0.01 <= fresh.min() <= fresh.max() <= example.max() + 0.01


def test_they_differ_from_the_examples_and_each_other():
    example = torch.arange(64.0)
    drawn, chosen, nudged = (inputs[0] for inputs in fresh_inputs((example,), 0))
    other = next(fresh_inputs((example,), 1))[0]
    assert len({tuple(each.tolist()) for each in (example, drawn, chosen, nudged, other)}) == 5
    assert torch.allclose(nudged, example, rtol=2e-3)


def test_constant_examples():
    for value, low, high in [(0.0, 0, 1), (1.0, 0, 1), (-2.0, -2, 0), (float("inf"), torch.inf, torch.inf)]:
        (drawn,) = next(fresh_inputs((torch.full((50,), value),), 0))
        assert low <= drawn.min() <= drawn.max() <= high
        assert len(drawn.unique()) > 1 or value == float("inf")


def test_copies_share_no_memory():
    memory = torch.arange(4.0)
    one, (two, three) = apart((memory, [memory, memory[1:]]))
    for tensor in (one, two, three):
        tensor.add_(1)
    assert memory.tolist() == [0, 1, 2, 3]
    assert three.tolist() == [2, 3, 4]
