"""A model that runs in milliseconds, written to a file; its spec is `file:PATH`, whatever the weights.

So rewriting the file makes a restarted cloud serve another model under the same name.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

__all__ = ["SIDE", "SmallNet", "write"]

SIDE = 64


class SmallNet(nn.Module):
    """A stem and two branches, so that there are cuts of one and of two tensors; ten outputs.

    The input is smaller than the first layers' values, as in a detector. So splitting gains little, and most frames are
    sent whole while the link is good.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 5, stride=2, padding=2)
        self.left = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.right = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.deep = nn.Sequential(
            nn.Conv2d(48, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()
        )
        self.head = nn.Linear(64, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Takes uint8 [1, 3, H, W]; returns float32 [1, 10]."""
        x = torch.relu(self.stem(image.to(torch.float32) / 255.0))
        x = self.deep(torch.cat([torch.relu(self.left(x)), torch.relu(self.right(x))], 1))
        made: Tensor = self.head(x.mean((2, 3)))
        return made


def write(path: Path, seed: int = 0, side: int = SIDE) -> str:
    """Write the model with weights drawn from a seed, for pictures of `side` by `side`.

    Returns:
        Its spec.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = SmallNet().eval()
    program = torch.export.export(net, (torch.zeros(1, 3, side, side, dtype=torch.uint8),))
    torch.export.save(program, path)
    return f"file:{path}"
