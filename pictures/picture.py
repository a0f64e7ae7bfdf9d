"""A decoded picture: RGB, upright, as a viewer shows it but for the shape of its pixels."""

from dataclasses import dataclass

from PIL import Image

__all__ = ["MOST_PIXELS", "Picture"]

MOST_PIXELS = 64_000_000
"""The most pixels that a picture may have; larger ones are refused before they are decoded."""


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
