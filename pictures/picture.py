"""A decoded picture: RGB, upright, as a viewer shows it but for the shape of its pixels."""

from dataclasses import dataclass

from PIL import Image

__all__ = ["MOST_PIXELS", "Picture", "upright"]

MOST_PIXELS = 64_000_000
"""The most pixels that a picture may have; larger ones are refused before they are decoded."""

_MOST_ASPECT = 16  # files that name more are damaged, or meant to cost memory

# Exact, unlike a rotation with interpolation. PIL counts counter-clockwise too.
_TURNS = {
    (90, False): Image.Transpose.ROTATE_90,
    (180, False): Image.Transpose.ROTATE_180,
    (270, False): Image.Transpose.ROTATE_270,
    (0, True): Image.Transpose.FLIP_LEFT_RIGHT,
    (90, True): Image.Transpose.TRANSPOSE,
    (180, True): Image.Transpose.FLIP_TOP_BOTTOM,
    (270, True): Image.Transpose.TRANSVERSE,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture.

    Attributes:
        image: RGB, upright. It must not be changed: others may read it at the same time.
        aspect: Width of a pixel over its height.
    """

    image: Image.Image
    aspect: float = 1.0

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height as a viewer shows it, with square pixels."""
        return max(1, round(self.image.width * self.aspect)), self.image.height


def upright(image: Image.Image, rotation: int, *, mirrored: bool = False, aspect: tuple[int, int] = (1, 1)) -> Picture:
    """The picture of an image as it was decoded.

    Args:
        image: RGB.
        rotation: Degrees counter-clockwise, after the mirroring: 0, 90, 180 or 270.
        mirrored: Whether left and right are exchanged.
        aspect: Numerator and denominator of the width of the image's pixels over their height.
    """
    across, down = aspect if rotation % 180 == 0 else aspect[::-1]
    known = across > 0 and down > 0 and max(across, down) <= _MOST_ASPECT * min(across, down)
    turn = _TURNS.get((rotation, mirrored))
    return Picture(image if turn is None else image.transpose(turn), across / down if known else 1.0)
