"""The choices of preprocessing have a text form; what cannot be meant is refused with what was expected."""

import pytest

from pictures import Preprocess, PreprocessError


@pytest.mark.parametrize(
    "choices",
    [
        Preprocess(),
        Preprocess(resize=256, interpolation="bicubic"),
        Preprocess("stretch", interpolation="lanczos"),
        Preprocess("pad", interpolation="nearest", fill=114),
    ],
)
def test_the_text_form_says_all(choices: Preprocess) -> None:
    assert Preprocess.parse(str(choices)) == choices


def test_what_is_left_out_has_its_default() -> None:
    assert Preprocess.parse(" resize=256 , bicubic") == Preprocess("crop", 256, "bicubic")
    assert Preprocess.parse("pad") == Preprocess("pad", None, "bilinear", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not understood"),
        ("shrink", "'shrink' is not understood; expected one each of crop, stretch, pad and of nearest, bilinear"),
        ("crop,cubic", "'cubic' is not understood"),
        pytest.param(f"resize={'9' * 5000}", "is not understood", id="more digits than int takes"),
        ("crop,pad", "'pad' is not understood"),
        ("crop,resize=0", "expected at least 1"),
        ("crop,resize=-5", "'resize=-5' is not understood"),
        ("stretch,resize=256", "resize=256 with stretch"),
        ("crop,fill=3", "fill=3 with crop"),
        ("pad,fill=256", "expected 0 to 255"),
        ("pad,size=4", "such as crop,resize=256,bilinear"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(PreprocessError, match=said):
        Preprocess.parse(text)
