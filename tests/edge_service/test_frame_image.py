"""A frame's picture is decoded once, when somebody needs it, and let go when nobody does."""

import weakref

import numpy as np
import pytest
from PIL import Image

from edge_service.frame_image import FrameImage
from edge_service.sources.shots import ShotToDecode
from pictures import Picture, PictureError, Preprocess


class Counting:
    """A shot that counts how often it is decoded."""

    def __init__(self):
        self.count = 0
        self.last = None

    def __call__(self):
        self.count += 1
        picture = Picture(Image.fromarray(np.full((48, 64, 3), 7, np.uint8)))
        self.last = weakref.ref(picture.image)
        return picture


def image_of(decode):
    return FrameImage(ShotToDecode(decode, "a.jpg"), Preprocess(), 24, 32)


def test_it_is_decoded_when_it_is_asked_for_and_once():
    decode = Counting()
    image = image_of(decode)
    assert (decode.count, image.is_decoded, image.placement(), image.name) == (0, False, None, "a.jpg")
    assert image.array().shape == (1, 3, 24, 32)
    assert image.array() is image.array()
    assert (decode.count, image.is_decoded) == (1, True)
    assert image.placement().width == 64


def test_a_picture_that_nobody_wants_is_let_go():
    decode = Counting()
    image = image_of(decode)
    image.array()
    assert decode.last() is None
    with pytest.raises(PictureError, match="let go"):
        image.picture()


def test_a_picture_that_is_kept_is_there_without_decoding():
    decode = Counting()
    image = image_of(decode)
    image.keeps_picture = True
    image.array()
    assert image.picture() is image.picture()
    assert decode.count == 1
    image.keeps_picture = False
    assert decode.last() is None


def test_whoever_asks_for_the_picture_first_gets_it():
    decode = Counting()
    image = image_of(decode)
    assert image.picture().displayed == (64, 48)
    image.array()
    assert decode.count == 2
