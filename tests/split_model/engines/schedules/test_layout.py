import pytest
import torch
from torch import nn

from split_model.engines.schedules import packing
from split_model.pytorch.module_model import model_of

IMAGE = torch.linspace(-1, 1, 3 * 144).reshape(1, 3, 12, 12)

pytestmark = pytest.mark.skipif(not packing._usable(), reason="this torch has no packed operators")


class Block(nn.Module):
    """Convolutions, pooling, joining, adding; then dense layers on a tensor of four dimensions that is no image."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.three = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.dense = nn.BatchNorm2d(16), nn.Linear(16, 4)

    def forward(self, x):
        y = torch.relu(self.stem(x))
        pooled = nn.functional.max_pool2d(y, 3, 1, 1)
        joined = self.norm(torch.cat([self.one(y) + self.three(y), pooled], 1))
        return self.dense(torch.sigmoid(joined).permute(0, 2, 3, 1)).relu()


class Watch(torch.utils._python_dispatch.TorchDispatchMode):
    """Collects the strides of what operators of four dimensions give."""

    def __init__(self):
        super().__init__()
        self.strides = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.layout is torch.strided and result.ndim == 4:
            self.strides.setdefault(func._schema.name.rstrip("_"), set()).add(result.stride())
        return result


def test_fed_values_lie_as_they_would_inside(closed_sets):
    """No operator of any tail gives a layout that it does not give when all is run."""
    model = model_of(Block().eval(), (IMAGE,), name="toy")
    with Watch() as whole:
        model.warm_up()
    for edge in closed_sets(model.graph):
        head, tail = model.split(edge)
        sent = head(IMAGE)
        arrived = {model.engine.node_of[name]: value.contiguous() for name, value in sent.items() if name in tail.needs}
        with Watch() as watch:
            tail.part.schedule.run(arrived)
        for name, strides in watch.strides.items():
            assert name == "aten::clone" or strides <= whole.strides[name], (sorted(edge), name)


def test_what_is_no_image_stays_row_major():
    model = model_of(Block().eval(), (IMAGE,), name="toy")
    tail = model.tail({"linear"})
    assert not tail.part.schedule.channels_last
    assert model.tail({"sigmoid"}).part.schedule.channels_last
