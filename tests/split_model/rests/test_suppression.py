import numpy as np
import pytest
import torch

from split_model.pytorch.torchvision_ops import nms
from split_model.rests.suppression import kept


def scene(count: int, classes: int, seed: int):
    generator = np.random.default_rng(seed)
    corners = generator.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corners, corners + generator.uniform(0, 30, (count, 2))], axis=1).astype(np.float32)
    scores = generator.integers(0, 40, count).astype(np.float32) / 40  # many are equal
    return boxes, scores, generator.integers(0, classes, count)


@pytest.mark.parametrize(("count", "classes"), [(0, 3), (1, 3), (400, 1), (700, 5), (1500, 4)])
def test_each_class_keeps_what_torchvisions_kernel_keeps(count, classes):
    boxes, scores, labels = scene(count, classes, seed=count)
    found = kept(boxes, scores, labels, 0.3)
    assert (np.diff(scores[found]) <= 0).all()
    shift = labels * (boxes.max() + np.float32(1)) if 0 < boxes.size <= 4000 else np.zeros(count)
    shifted = boxes + shift.astype(np.float32)[:, None]
    for label in range(classes):
        rows = np.nonzero(labels == label)[0]
        wanted = nms(torch.from_numpy(shifted[rows]), torch.from_numpy(scores[rows]), 0.3).numpy()
        assert rows[wanted].tolist() == [place for place in found.tolist() if labels[place] == label]


def test_boxes_without_area_overlap_nothing():
    boxes = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 2, 2]], np.float32)
    assert kept(boxes, np.array([0.5, 0.6, 0.4], np.float32), np.zeros(3, np.int64), 0.0).tolist() == [1, 0, 2]


def test_an_overlap_of_exactly_the_threshold_is_kept():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)
    scores, labels = np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64)
    assert kept(boxes, scores, labels, 0.5).tolist() == [0, 1]
    assert kept(boxes, scores, labels, 0.49).tolist() == [0]
