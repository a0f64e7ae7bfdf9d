"""Boxes are known by their three lists, and moved into the source's picture."""

import pytest

from edge_service.output.boxes import LEAST_SHOWN, Box, boxes_of, in_picture, shown
from pictures import Preprocess, placed

FOUND = {"boxes": [[0, 0, 10, 20], [1.5, 2, 3, 4]], "labels": ["dog", 7], "scores": [0.5, 0.75]}
# 200 x 100, at half its size 100 x 50, of which the model sees the middle 50 x 50.
PICTURE = placed((200, 100), Preprocess(), 50, 50)


def test_the_best_score_comes_first():
    made = (Box(1.5, 2, 3, 4, "7", 0.75), Box(0, 0, 10, 20, "dog", 0.5))
    assert boxes_of(FOUND) == boxes_of([FOUND]) == made


def test_nothing_found_is_still_boxes():
    assert boxes_of({"boxes": [], "labels": [], "scores": []}) == ()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        [FOUND, FOUND],
        {"boxes": [[0, 0, 1, 1]], "labels": ["dog"]},
        FOUND | {"labels": ["dog"]},
        FOUND | {"boxes": [[0, 0, 1], [0, 0, 1, 1]]},
        FOUND | {"boxes": [[0, 0, 1, "1"], [0, 0, 1, 1]]},
        FOUND | {"scores": ["high", "low"]},
        FOUND | {"scores": 0.5},
    ],
)
def test_other_values_are_no_boxes_and_stay(value):
    assert boxes_of(value) is None
    assert in_picture(value, PICTURE) == value


def test_a_box_with_a_corner_that_is_no_number_is_not_drawn():
    assert boxes_of(FOUND | {"boxes": [[None, 0, 1, 1], [0, 0, 1, 1]]}) == (Box(0, 0, 1, 1, "7", 0.75),)


def test_boxes_and_key_points_are_moved_and_the_rest_stays():
    keypoints = [[[0, 0, 0.9], [25, 25, 0.8]], [[50, None, 0.7]]]
    value = FOUND | {"keypoints": keypoints, "masks": {"pixels": [3, 4]}}
    made = in_picture(value, PICTURE)
    assert made["boxes"] == [[50, 0, 70, 40], [53, 4, 56, 8]]
    assert made["keypoints"] == [[[50, 0, 0.9], [100, 50, 0.8]], [[150, None, 0.7]]]
    assert (made["labels"], made["scores"], made["masks"]) == (["dog", 7], [0.5, 0.75], {"pixels": [3, 4]})
    assert in_picture([value], PICTURE) == [made]
    assert value["boxes"] == [[0, 0, 10, 20], [1.5, 2, 3, 4]], "what it was given is not changed"


def test_people_are_shown_boxes_that_count():
    boxes = boxes_of({"boxes": [[0, 0, 1, 1]] * 3, "labels": [*"abc"], "scores": [LEAST_SHOWN, 0.19, None]})
    assert [box.label for box in shown(boxes)] == ["a", "c"]


def test_a_box_that_ends_in_the_border_ends_at_the_picture():
    # 200 x 100, at a quarter of its size 50 x 25, with a border of 12 rows above and 13 below.
    padded = placed((200, 100), Preprocess("pad"), 50, 50)
    made = in_picture({"boxes": [[0, 0, 25, 37], [10, 12, 50, 50]], "labels": [1, 2], "scores": [0.5, 0.4]}, padded)
    assert made["boxes"] == [[0, 0, 100, 100], [40, 0, 200, 100]]
