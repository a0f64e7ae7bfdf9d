import numpy as np
import pytest

from chaos.cameras.bar_code import LARGEST, draw, number_of, picture_number


def drawn(number, height=90, width=160):
    luma = np.full((height, width), 128, np.uint8)
    draw(luma, number)
    return np.repeat(luma[:, :, None], 3, axis=2)


@pytest.mark.parametrize("number", [0, 1, 4711, LARGEST])
@pytest.mark.parametrize("size", [(90, 160), (160, 90), (48, 48)])
def test_a_number_is_read_as_it_was_drawn(number, size):
    assert picture_number(drawn(number, *size)) == number


def test_it_is_read_from_a_models_input_of_the_centre():
    centre = drawn(1234)[:, 35:125]
    assert picture_number(np.ascontiguousarray(centre.transpose(2, 0, 1)[None])) == 1234


def test_noise_does_not_matter():
    noise = np.random.default_rng(1).normal(0, 40, (90, 160, 3))
    assert picture_number(np.clip(drawn(4711) + noise, 0, 255).astype(np.uint8)) == 4711


def test_a_picture_that_is_half_grey_or_mixed_from_two_has_no_number():
    picture = drawn(4711)
    picture[45:] = 128
    with pytest.raises(ValueError, match="no number"):
        picture_number(picture)
    mixed = drawn(4711)
    mixed[:45] = drawn(4711 ^ 0b1111_0000_0000_0000)[:45]
    with pytest.raises(ValueError, match="checksum"):
        picture_number(mixed)


def test_any_wrong_square_is_noticed():
    # Read as brightness, as a model's outputs are.
    squares = [235.0 if bit == "1" else 16.0 for bit in f"10{4711:016b}{4711 % 101:07b}"]
    assert number_of(squares) == 4711
    for place in range(2, 25):
        wrong = list(squares)
        wrong[place] = 251.0 - wrong[place]
        with pytest.raises(ValueError, match="checksum"):
            number_of(wrong)


def test_a_number_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="65535"):
        drawn(LARGEST + 1)
