"""Where a model's input lies in the picture that it was made of."""

from dataclasses import dataclass

__all__ = ["Placement"]


@dataclass(frozen=True, slots=True)
class Placement:
    """A model's input in its picture, as a viewer shows it: upright, with square pixels.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        scaled_width: Of the whole picture at the model's scale.
        scaled_height: Of the whole picture at the model's scale.
        left: Where the model's input begins in the scaled picture; negative where it has a border.
        top: Where the model's input begins in the scaled picture; negative where it has a border.
    """

    width: int
    height: int
    scaled_width: int
    scaled_height: int
    left: int
    top: int

    def x_of(self, input_x: float) -> float:
        """Where a column of the model's input lies in the picture."""
        return (input_x + self.left) * self.width / self.scaled_width

    def y_of(self, input_y: float) -> float:
        """Where a row of the model's input lies in the picture."""
        return (input_y + self.top) * self.height / self.scaled_height
