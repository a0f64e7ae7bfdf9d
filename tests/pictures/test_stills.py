"""Files of one picture each come out as Pillow shows them, upright; what is no picture is refused with its reason."""

import numpy as np
import pytest

from pictures import PictureError, decode_still


def test_a_still_is_what_it_shows_or_is_refused(odd_still) -> None:
    if odd_still.refused:
        with pytest.raises(PictureError, match=odd_still.refused) as caught:
            decode_still(odd_still.data)
        assert str(caught.value).count("\n") == 0
        return
    picture = decode_still(odd_still.data)
    assert picture.image.mode == "RGB"
    assert picture.aspect == 1
    (shown,) = odd_still.shows
    pixels = np.asarray(picture.image)
    assert pixels.shape == shown.shape
    assert np.abs(pixels.astype(int) - shown).max() <= odd_still.levels
