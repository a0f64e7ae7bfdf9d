"""Models that read the number drawn in a picture, so that each result says which picture it is of.

Factories for `--model chaos.camera_runs.numbers_model:make`; results then have `{"picture": 1234, "features": [...]}`.
Beside the number's squares the models compute features of the whole picture: a wrong pixel anywhere changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chaos.cameras import bar_code

__all__ = ["SIDE", "NumberReader", "make", "make_heavy", "read"]

SIDE = 96

Made = tuple[nn.Module, tuple[Tensor], Callable[[Mapping[str, Tensor]], dict[str, Any]]]


class NumberReader(nn.Module):
    """The squares' brightness as a linear layer, and a few convolutions.

    Args:
        channels: Channels of the convolutions.
        depth: How many there are.
    """

    squares_of: Tensor

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        weights = torch.zeros(bar_code.CELLS**2, SIDE, SIDE)
        for place, (top, bottom, left, right) in enumerate(bar_code.cell_bounds(SIDE, SIDE, margin=0.25)):
            weights[place, top:bottom, left:right] = 1 / ((bottom - top) * (right - left))
        self.register_buffer("squares_of", weights.flatten(1))
        self.stem = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.head = nn.Linear(channels, 8)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Takes uint8 [1, 3, SIDE, SIDE]; returns float32 `squares` [1, 25] and `features` [1, 8]."""
        pixels = image.to(torch.float32)
        x = torch.relu(self.stem(pixels / 255.0))
        for layer in self.deep:
            x = torch.relu(layer(x)) + x
        squares = nn.functional.linear(pixels.mean(1).flatten(1), self.squares_of)
        return {"squares": squares, "features": self.head(x.mean((2, 3)))}


def make() -> Made:
    """A model of a millisecond or two."""
    return _made(channels=24, depth=4)


def make_heavy() -> Made:
    """A model of some 20 ms, for edges that are slowed to half a second."""
    return _made(channels=64, depth=10)


def _made(channels: int, depth: int) -> Made:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        net = NumberReader(channels, depth).eval()
    return net, (torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8),), read


def read(outputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """Returns the number of the picture, None where it cannot be read, and its features."""
    made: dict[str, Any] = {"features": outputs["features"][0].tolist()}
    try:
        return made | {"picture": bar_code.number_of(outputs["squares"][0].tolist())}
    except ValueError as error:
        return made | {"picture": None, "why": str(error)}
