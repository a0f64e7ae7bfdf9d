"""The picture of a source that a frame was made of, and the part of it that the model sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import av

__all__ = ["SourcePicture"]


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """A picture as its source decoded it. The model sees its centre, scaled.

    Attributes:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        scaled_width: of the whole picture at the model's scale.
        scaled_height: of the whole picture at the model's scale.
        left: where the model's input begins in the scaled picture.
        top: where the model's input begins in the scaled picture.
        pixels: the picture itself, or None where nobody asked for it.
    """

    width: int
    height: int
    scaled_width: int
    scaled_height: int
    left: int
    top: int
    pixels: av.VideoFrame | None = None

    @classmethod
    def covering(cls, width: int, height: int, *, input_width: int, input_height: int) -> Self:
        """The smallest scale at which a picture covers a model's input, its centre; the aspect ratio is kept."""
        scale = max(input_height / height, input_width / width)
        scaled_width, scaled_height = max(input_width, round(width * scale)), max(input_height, round(height * scale))
        left, top = (scaled_width - input_width) // 2, (scaled_height - input_height) // 2
        return cls(width, height, scaled_width, scaled_height, left, top)

    def x_of(self, input_x: float) -> float:
        """Where a column of the model's input lies in the picture."""
        return (input_x + self.left) * self.width / self.scaled_width

    def y_of(self, input_y: float) -> float:
        """Where a row of the model's input lies in the picture."""
        return (input_y + self.top) * self.height / self.scaled_height

    def without_pixels(self) -> Self:
        """The same without the picture itself, whose memory is then free."""
        return replace(self, pixels=None)
