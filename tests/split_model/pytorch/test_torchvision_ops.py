"""The plain operators against slow ones that follow their definitions."""

import pytest
import torch

from split_model.pytorch import torchvision_ops
from split_model.pytorch.torchvision_import import torchvision_models


def one_by_one(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    """The kernel's own loop: each kept box drops all worse ones that overlap it too much."""
    order = sorted(range(len(boxes)), key=lambda box: -float(scores[box]))
    kept: list[int] = []
    while order:
        best, *order = order
        kept.append(best)
        order = [box for box in order if not float(overlap(boxes[best], boxes[box])) > threshold]
    return kept


def overlap(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    width, height = (torch.minimum(one[2:], other[2:]) - torch.maximum(one[:2], other[:2])).clamp(min=0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (areas[0] + areas[1] - width * height)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("count", [0, 1, 2, 60])
def test_suppression_keeps_what_the_definition_keeps(count, threshold, monkeypatch):
    monkeypatch.setattr(torchvision_ops, "_ROWS", 16)  # so that blocks meet
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand(count, 2, generator=generator) * 4
    boxes = torch.cat([corners, corners + torch.rand(count, 2, generator=generator) * 3], 1)
    scores = torch.randint(0, 20, (count,), generator=generator) / 20  # with ties, of which the first wins
    found = torchvision_ops.nms(boxes, scores, threshold)
    assert found.dtype is torch.int64
    assert found.tolist() == one_by_one(boxes, scores, threshold)


def test_an_overlap_of_exactly_the_threshold_is_kept():
    boxes = torch.tensor([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    assert torchvision_ops.nms(boxes, scores, 0.5).tolist() == [0, 1]


@pytest.fixture
def ops():
    torchvision_models()
    import torchvision

    if torchvision_ops.use_plain_operators() is None:
        pytest.skip("this torchvision has operators of its own")
    return torchvision.ops


def test_torchvision_uses_them(ops):
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.9], [9.0, 9.0, 10.0, 10.0]])
    scores, classes = torch.tensor([0.5, 0.6, 0.1]), torch.tensor([1, 1, 2])
    with torch.inference_mode():
        assert ops.nms(boxes, scores, 0.5).tolist() == [1, 2]
        assert ops.batched_nms(boxes, scores, classes, 0.5).tolist() == [1, 2]


@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_pooled_regions_do_not_depend_on_the_blocks(ops, count):
    """Bilinear means of a plane are its values in the middles of the bins, and 40 regions are two blocks."""
    ramp = torch.arange(20.0).reshape(1, 1, 1, 20).expand(1, 3, 20, 20) + 100 * torch.arange(3.0).reshape(1, 3, 1, 1)
    left = torch.linspace(2, 8, count)
    regions = torch.stack([torch.zeros(count), left, left, left + 8, left + 8], 1)
    pooled = ops.roi_align(ramp.contiguous(), regions, (2, 2), sampling_ratio=2, aligned=True)
    assert pooled.shape == (count, 3, 2, 2)
    middles = torch.stack([left + 2, left + 6], 1) - 0.5
    planes = 100 * torch.arange(3.0)
    expected = middles[:, None, None, :] + planes[None, :, None, None]
    torch.testing.assert_close(pooled, expected.expand(count, 3, 2, 2), atol=1e-4, rtol=0)
