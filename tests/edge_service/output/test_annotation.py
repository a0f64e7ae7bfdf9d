"""What is drawn is where it belongs, and nothing that a model says breaks the drawing."""

import numpy as np
import pytest
from PIL import Image

from edge_service.output.annotation import Annotator
from pictures import Picture


def picture(width=200, height=120, grey=90):
    return Picture(Image.fromarray(np.full((height, width, 3), grey, np.uint8)))


def detected(*boxes, label="dog", score=0.9):
    return {
        "result": {
            "boxes": [list(box) for box in boxes],
            "labels": [label] * len(boxes),
            "scores": [score] * len(boxes),
        }
    }


def changed(image, grey=90):
    """The pixels that are not the picture's."""
    return np.asarray(image).max(axis=2).astype(int) != grey


def test_a_box_is_drawn_around_its_object_and_its_label_above():
    image = Annotator().drawn(picture(), detected((50, 60, 120, 110)))
    assert image.size == (200, 120)
    drawn = changed(image)
    assert drawn[60, 55:118].all(), "the upper edge"
    assert drawn[110, 55:118].all(), "the lower edge"
    assert drawn[65:108, 50].all(), "the left edge"
    assert drawn[65:108, 120].all(), "the right edge"
    assert not drawn[70:100, 60:110].any(), "what is inside is seen"
    assert drawn[45:59, 52:70].any(), "the label"
    assert not drawn[:, 140:].any()
    assert not drawn[:30].any()


def test_boxes_are_scaled_with_the_picture():
    image = Annotator(100).drawn(picture(), detected((50, 60, 120, 110)))
    assert image.size == (100, 60)
    drawn = changed(image)
    assert drawn[30, 27:59].all()
    assert drawn[32:54, 60].all()
    assert not drawn[33:, 70:].any()


def test_a_small_picture_is_not_enlarged():
    assert Annotator(320).drawn(picture(20, 10), {}).size == (20, 10)
    assert Annotator(320).drawn(picture(320, 1000), {}).size == (102, 320)


def test_a_classification_has_its_top_class_in_the_corner():
    top = [{"index": 1, "label": "tabby", "score": 0.5}]
    drawn = changed(Annotator().drawn(picture(), {"top": top}))
    assert drawn[:10, :30].any()
    assert not drawn[30:].any()
    assert changed(Annotator().drawn(picture(), {"top": [{"index": 1, "label": "tabby", "score": None}]})).any()
    assert changed(Annotator().drawn(picture(), {"result": {"angle": 3}})).any()


def test_other_outputs_and_frames_without_a_result_leave_the_picture_as_it_is():
    assert not changed(Annotator().drawn(picture(), {"outputs": {"out": {"shape": [1]}}})).any()
    assert not changed(Annotator().drawn(picture(), detected())).any()
    assert not changed(Annotator().drawn(picture(), detected((50, 60, 120, 110), score=0.1))).any(), "hundreds of these"


@pytest.mark.parametrize(
    "box",
    [(-1e9, -5, 1e30, 4), (120, 110, 50, 60), (300, 300, 400, 400), (5, 5, 5, 5), (-9, -9, -2, -2), (0.4, 0.6, 1, 1)],
)
@pytest.mark.parametrize("label", ["", "two\nlines", "x" * 500, "猫 🐈 \u202e", "<b>"])
def test_any_box_and_any_label_can_be_drawn(box, label):
    image = Annotator().drawn(picture(), detected(box, label=label, score=None))
    assert image.size == (200, 120)


def test_labels_keep_their_colours_and_differ():
    annotator = Annotator()

    def colour(label):
        return tuple(np.asarray(annotator.drawn(picture(), detected((50, 60, 120, 110), label=label)))[109, 90])

    first = [colour(label) for label in ("person", "bicycle", "traffic light")]
    assert len(set(first)) == 3
    assert [colour(label) for label in ("traffic light", "bicycle", "person")] == first[::-1]


def test_the_picture_itself_is_not_changed():
    frame = picture()
    Annotator().drawn(frame, detected((50, 60, 120, 110)))
    assert not changed(frame.image).any()


def test_pixels_that_are_no_squares_are_drawn_as_they_are_shown():
    assert Annotator().drawn(Picture(Image.new("RGB", (72, 58)), 16 / 15), {}).size == (77, 58)
