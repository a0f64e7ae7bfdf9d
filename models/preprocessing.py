"""Cast and normalisation as layers, so that a cloud-only split sends the small uint8 frame."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["IMAGENET", "LITE", "Normalisation", "Normalised", "example_image"]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Per-channel `(x - mean) / std` for pixel values from 0 to 255."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


IMAGENET = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""For torchvision's models: 255 times the means and deviations of its presets."""

LITE = Normalisation((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
"""For the EfficientNet-Lite models."""


class Normalised(nn.Module):
    """An image model that takes uint8.

    Args:
        model: Takes float32 [1, 3, H, W].
        normalisation: The one that it was trained with.
    """

    mean: Tensor
    std: Tensor
    known_child = "model"  # people know its layers' places; see split_model.trace.places

    def __init__(self, model: nn.Module, normalisation: Normalisation) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(normalisation.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(normalisation.std).reshape(1, 3, 1, 1))

    def forward(self, image: Tensor) -> object:
        """Takes uint8 [1, 3, H, W], RGB; returns the model's return value."""
        return self.model((image.to(torch.float32) - self.mean) / self.std)


def example_image(height: int, width: int) -> Tensor:
    """A uint8 [1, 3, H, W] picture with smooth and sharp parts, the same on every platform."""
    y = torch.arange(height).reshape(-1, 1)
    x = torch.arange(width).reshape(1, -1)
    planes = [(3 * x + y) // 2 % 256, (x * y) // 16 % 256, (y - x) * 2 % 256 ^ ((x // 16 + y // 16) % 2 * 255)]
    return torch.stack(planes).to(torch.uint8)[None]
