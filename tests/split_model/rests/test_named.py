from dataclasses import replace

import numpy as np
import pytest

from split_model.errors import ModelError
from split_model.rests.form import RestForm, argument_path
from split_model.rests.named import named_rest
from split_model.specs import ValueSpec

FORM = RestForm(
    "torchvision-ssd",
    {
        "heads": ["bbox_regression", "cls_logits"],
        "levels": [2, 1],
        "least_score": 0.1,
        "overlap": 0.5,
        "candidates": 10,
        "most": 5,
        "resized": [20, 20],
        "picture": [40, 20],
        "weights": [10.0, 10.0, 5.0, 5.0],
        "largest": 4.0,
    },
    {"anchors": np.array([[0, 0, 4, 4], [10, 10, 14, 18], [15, 15, 25, 25]], np.float32)},
    tuple(ValueSpec(argument_path(place), "heads", "float32", (1, 3, count)) for place, count in enumerate((4, 3))),
)
OFFSETS = np.zeros((1, 3, 4), np.float32)
LOGITS = np.array([[[0, 9, 0], [9, 0, 0], [0, 0, 8]]], np.float32)


def test_boxes_by_hand():
    """The first anchor shows class 1, the last class 2 across the picture's border; the input is twice as high."""
    boxes, scores, labels = named_rest(FORM)([OFFSETS, LOGITS])
    assert labels.tolist() == [1, 2]
    assert boxes.tolist() == [[0, 0, 4, 8], [15, 30, 20, 40]]
    assert scores.tolist() == pytest.approx([np.exp(9) / (np.exp(9) + 2), np.exp(8) / (np.exp(8) + 2)])


def test_a_form_survives_the_way_through_bytes():
    read = RestForm.from_bytes(FORM.to_bytes())
    assert (read.name, read.numbers, read.takes) == (FORM.name, FORM.numbers, FORM.takes)
    assert read.arrays["anchors"].tolist() == FORM.arrays["anchors"].tolist()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"heads": ["cls_logits"]}, "bbox_regression, cls_logits"),
        ({"heads": 3}, "bbox_regression, cls_logits"),
        ({"levels": [2, 2]}, "do not fit"),
        ({"levels": []}, "do not fit"),
        ({"most": "many"}, "do not fit"),
        ({"least_score": float("nan")}, "do not fit"),
        ({"weights": [1.0]}, "do not fit"),
        ({"candidates": -1}, "do not fit"),
    ],
)
def test_settings_are_checked_before_the_first_frame(numbers, words):
    with pytest.raises(ModelError, match=words):
        named_rest(replace(FORM, numbers={**FORM.numbers, **numbers}))


def test_a_missing_setting_and_an_unknown_name_are_refused():
    fewer = {name: value for name, value in FORM.numbers.items() if name != "overlap"}
    with pytest.raises(ModelError, match="overlap"):
        named_rest(replace(FORM, numbers=fewer))
    with pytest.raises(ModelError, match="anchors"):
        named_rest(replace(FORM, arrays={}))
    with pytest.raises(ModelError, match="unknown rest 'mine'; expected one of torchvision-fcos"):
        named_rest(replace(FORM, name="mine"))
    with pytest.raises(ModelError, match="takes 2 values; got 0"):
        named_rest(replace(FORM, takes=()))


def test_heads_of_another_size_are_an_error():
    with pytest.raises(ValueError, match="expected 3 rows"):
        named_rest(FORM)([OFFSETS[:, :2], LOGITS])


@pytest.mark.parametrize("data", [b"", b"\x08" + bytes(30), FORM.to_bytes()[:-3], replace(FORM, name=3).to_bytes()])
def test_bytes_that_are_no_form_are_refused(data):
    with pytest.raises(ModelError, match="export the model again"):
        RestForm.from_bytes(data)


def test_sizes_in_bytes_are_checked():
    spoiled = replace(FORM, takes=(ValueSpec("rest:0", "heads", "float99", (1,)),))
    with pytest.raises(ModelError, match="float99"):
        RestForm.from_bytes(spoiled.to_bytes())
