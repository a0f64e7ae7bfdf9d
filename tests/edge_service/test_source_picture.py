"""A point of the model's input and the same point of the picture, found by looking."""

import av
import numpy as np
import pytest

from edge_service.source_picture import SourcePicture
from edge_service.sources.resize import to_image


@pytest.mark.parametrize("size", [(32, 32), (24, 60), (90, 30), (200, 120)])
@pytest.mark.parametrize("source", [(48, 96), (120, 50), (64, 64)])
def test_a_square_is_where_the_model_sees_it(source, size):
    height, width = source
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left, side = height // 2 - 6, width // 2 - 4, 12
    pixels[top : top + side, left : left + side] = 255
    image = to_image(av.VideoFrame.from_ndarray(pixels, format="rgb24"), *size)[0, 0]
    picture = SourcePicture.covering(width, height, input_width=size[1], input_height=size[0])
    rows, columns = np.nonzero(image > 127)
    pixel = max(1.0, picture.width / picture.scaled_width)  # the size of the input's pixel in the picture
    assert picture.x_of(columns.min()) == pytest.approx(left, abs=pixel)
    assert picture.x_of(columns.max() + 1) == pytest.approx(left + side, abs=pixel)
    assert picture.y_of(rows.min()) == pytest.approx(top, abs=pixel)
    assert picture.y_of(rows.max() + 1) == pytest.approx(top + side, abs=pixel)


def test_without_its_pixels_it_is_the_same_otherwise():
    frame = av.VideoFrame(64, 48, "rgb24")
    bare = SourcePicture.covering(64, 48, input_width=8, input_height=8)
    assert SourcePicture(*(getattr(bare, name) for name in bare.__slots__[:-1]), frame).without_pixels() == bare
