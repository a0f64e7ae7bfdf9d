"""Differences of a picture, as the contract defines them and back."""

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from split_wire.picture_encodings.differences import differences, picture_of

pictures = hnp.arrays("uint8", st.tuples(st.just(1), st.just(3), st.integers(1, 8), st.integers(1, 8)))


def defined(picture):
    """What protos/split.proto says, a byte at a time."""
    red, green, blue = picture[0].astype(int)
    planes = np.pad(np.stack([red - green, green, blue - green]), ((0, 0), (1, 0), (1, 0)))
    return (planes[:, 1:, 1:] - planes[:, 1:, :-1] - planes[:, :-1, 1:] + planes[:, :-1, :-1]) % 256


@settings(deadline=None)
@given(pictures)
def test_differences_are_those_of_the_contract_and_give_back_the_picture(picture):
    kept = picture.copy()
    found = differences(picture)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, defined(picture))
    np.testing.assert_array_equal(picture_of(found), picture)
    np.testing.assert_array_equal(picture, kept, "the picture is the caller's")


def test_a_grey_ramp_leaves_nearly_nothing():
    ramp = np.add.outer(np.arange(20), 3 * np.arange(30)).astype(np.uint8)
    found = differences(np.stack([ramp] * 3)[np.newaxis])
    assert not found[[0, 2]].any(), "red and blue are green"
    assert not found[1, 1:, 1:].any(), "within, each sample is foretold"
