"""A picture becomes a model's input: sizes, places and pixels."""

import numpy as np
import pytest
from PIL import Image

from pictures import Picture, Preprocess, pixels_digest, placed, prepared

COVER = Preprocess(interpolation="bicubic")


def picture(pixels: np.ndarray) -> Picture:
    return Picture(Image.fromarray(pixels))


def test_the_whole_height_and_the_centre_of_the_width_are_kept() -> None:
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, :40, 0], wide[:, 40:80, 1], wide[:, 80:, 2] = 200, 200, 200  # red, green, blue thirds
    image = prepared(picture(wide), COVER, 40, 40)
    assert image.shape == (1, 3, 40, 40)
    assert image[0, :, 20, 20].tolist() == [0, 200, 0]
    assert image[0, 1].min() == 200
    same = prepared(picture(wide), COVER, 40, 120)
    assert np.array_equal(same[0].transpose(1, 2, 0), wide)


@pytest.mark.parametrize("size", [(1, 1), (7, 31), (224, 224), (480, 16)])
@pytest.mark.parametrize("source", [(48, 64), (3, 500), (720, 5)])
@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_any_size_becomes_the_models(size: tuple[int, int], source: tuple[int, int], fit: str) -> None:
    image = prepared(
        picture(np.full((*source, 3), 77, np.uint8)), Preprocess(fit, fill=77 if fit == "pad" else 0), *size
    )
    assert image.shape == (1, 3, *size)
    assert image.flags.c_contiguous
    assert np.abs(image.astype(int) - 77).max() <= 1


@pytest.mark.parametrize("size", [(32, 32), (24, 60), (90, 30), (200, 120)])
@pytest.mark.parametrize("source", [(48, 96), (120, 50), (64, 64)])
@pytest.mark.parametrize("preprocess", [COVER, Preprocess("pad", interpolation="bicubic"), Preprocess("stretch")])
def test_a_square_is_where_the_model_sees_it(source, size, preprocess) -> None:
    height, width = source
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left, side = height // 2 - 6, width // 2 - 4, 12
    pixels[top : top + side, left : left + side] = 255
    image = prepared(picture(pixels), preprocess, *size)[0, 0]
    place = placed((width, height), preprocess, *size)
    rows, columns = np.nonzero(image > 127)
    across = max(1.0, place.width / place.scaled_width)  # the size of the input's pixel in the picture
    down = max(1.0, place.height / place.scaled_height)
    assert place.x_of(columns.min()) == pytest.approx(left, abs=across)
    assert place.x_of(columns.max() + 1) == pytest.approx(left + side, abs=across)
    assert place.y_of(rows.min()) == pytest.approx(top, abs=down)
    assert place.y_of(rows.max() + 1) == pytest.approx(top + side, abs=down)


def test_equal_pixels_have_equal_digests_and_others_have_others() -> None:
    image = prepared(picture(np.full((20, 20, 3), 77, np.uint8)), COVER, 8, 8)
    other = image.copy()
    other[0, 1, 3, 4] += 1
    assert pixels_digest(image) == pixels_digest(image.copy())
    assert len(pixels_digest(image)) == 16
    assert pixels_digest(image) != pixels_digest(other)


def test_a_letterbox_has_its_border_on_both_sides() -> None:
    image = prepared(picture(np.full((20, 41, 3), 200, np.uint8)), Preprocess("pad", fill=127), 32, 32)[0]
    place = placed((41, 20), Preprocess("pad"), 32, 32)
    assert (place.scaled_width, place.scaled_height, place.left, place.top) == (32, 15, 0, -8)
    assert (image[:, :8] == 127).all()
    assert (image[:, 8:23] == 200).all()
    assert (image[:, 23:] == 127).all()
    assert place.y_of(8) == 0
    assert place.y_of(23) == 20


@pytest.mark.parametrize(
    ("displayed", "resize", "scaled", "corner"),
    [
        ((640, 272), 256, (602, 256), (189, 16)),
        ((3, 500), 256, (256, 42666), (16, 21221)),
        ((225, 225), 224, (224, 224), (0, 0)),
        ((227, 256), 256, (256, 288), (16, 32)),
        ((640, 272), 100, (527, 224), (152, 0)),  # less than the input: the input is covered
    ],
)
def test_sides_and_corners_are_torchvisions(displayed, resize, scaled, corner) -> None:
    place = placed(displayed, Preprocess(resize=resize), 224, 224)
    assert (place.scaled_width, place.scaled_height) == scaled
    assert (place.left, place.top) == corner


def test_wide_pixels_are_shown_wide() -> None:
    pixels = np.zeros((30, 20, 3), np.uint8)
    pixels[:, 10:] = 255
    shown = Picture(Image.fromarray(pixels), 2.0)
    assert shown.displayed == (40, 30)
    image = prepared(shown, Preprocess("pad"), 40, 40)[0, 0]
    assert (image[:5] == 0).all()
    assert image[20, :15].max() == 0
    assert image[20, 25:].min() == 255
