from math import inf, nan

import pytest
import torch

from split_model.faithful.deviation import deviation, is_finite


def tensor(*values, dtype=torch.float32):
    return torch.tensor(values, dtype=dtype)


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (tensor(1, 4), tensor(1, 4.4), 0.1),
        ([tensor(2), {"a": tensor(1, 10)}], [tensor(2), {"a": tensor(2, 10)}], 0.1),
        (tensor(1), [tensor(1)], inf),
        (tensor(1), tensor(1, 1), inf),
        (tensor(1), tensor(1, dtype=torch.float64), inf),
        (tensor(3, dtype=torch.int64), tensor(4, dtype=torch.int64), inf),
        (tensor(True, dtype=torch.bool), tensor(True, dtype=torch.bool), 0),
        (tensor(1, inf, nan), tensor(1, inf, nan), 0),
        (tensor(1, inf), tensor(1, -inf), inf),
        (tensor(nan), tensor(inf), inf),
        (tensor(0, 0), tensor(0, 1), inf),
        (tensor(3e-42), tensor(0), 0),
        (tensor(1 + 1j, dtype=torch.complex64), tensor(1 + 1j, dtype=torch.complex64), 0),
        (tensor(), tensor(), 0),
        ((3, None, "a", nan), (3, None, "a", nan), 0),
        ((3,), (4,), inf),
        ((3,), (3.0,), inf),
    ],
)
def test_deviations(wanted, found, expected):
    assert deviation(wanted, found) == pytest.approx(expected, rel=1e-5)


def test_finite():
    assert is_finite({"a": tensor(1), "b": 3})
    assert not is_finite([tensor(1), tensor(nan)])
