"""YOLOv8n as its public description has it: layers, widths and connections, without weights or anybody's code.

Source of the shape: the published configuration of the model family (depth 1/3, width 1/4) and D. Reis et al.,
"Real-Time Flying Object Detection with YOLOv8", arXiv:2305.09972, figure 4. Convolutions hold their normalisation
already, as in the exported files that cameras run.
"""

import torch
from torch import Tensor, nn

_CLASSES = 80
_BINS = 16


class Conv(nn.Sequential):
    """A convolution with SiLU."""

    def __init__(self, read: int, made: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(read, made, kernel, stride, kernel // 2), nn.SiLU())


class Bottleneck(nn.Module):
    """Two convolutions, and a sum with the input in the backbone."""

    def __init__(self, width: int, *, adds: bool) -> None:
        super().__init__()
        self.first, self.second, self.adds = Conv(width, width, 3), Conv(width, width, 3), adds

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.second(self.first(x))
        return x + made if self.adds else made


class C2f(nn.Module):
    """Half of the channels passes bottlenecks; every stage of it is kept and concatenated."""

    def __init__(self, read: int, made: int, repeats: int, *, adds: bool = False) -> None:
        super().__init__()
        half = made // 2
        self.enter, self.leave = Conv(read, made), Conv((2 + repeats) * half, made)
        self.blocks = nn.ModuleList(Bottleneck(half, adds=adds) for _ in range(repeats))

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        made: Tensor = self.leave(torch.cat(parts, 1))
        return made


class Pyramid(nn.Module):
    """Spatial pyramid pooling: three poolings in a row, all kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter, self.leave = Conv(width, width // 2), Conv(2 * width, width)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        made: Tensor = self.leave(torch.cat(parts, 1))
        return made


class Detect(nn.Module):
    """Boxes and classes of three levels, decoded to pixels."""

    def __init__(self, widths: tuple[int, ...], sides: tuple[int, ...]) -> None:
        super().__init__()
        self.boxes = nn.ModuleList(self._branch(width, 64, 4 * _BINS) for width in widths)
        self.classes = nn.ModuleList(self._branch(width, _CLASSES, _CLASSES) for width in widths)
        centres, strides = [], []
        for side, stride in zip(sides, (8, 16, 32), strict=True):
            place = torch.arange(side) + 0.5
            rows, columns = torch.meshgrid(place, place, indexing="ij")
            centres.append(torch.stack([columns.flatten(), rows.flatten()]))
            strides.append(torch.full((side * side,), float(stride)))
        self.centres: Tensor
        self.strides: Tensor
        self.bins: Tensor
        self.register_buffer("centres", torch.cat(centres, 1))
        self.register_buffer("strides", torch.cat(strides))
        self.register_buffer("bins", torch.arange(_BINS, dtype=torch.float32).view(1, _BINS, 1, 1))

    @staticmethod
    def _branch(read: int, inner: int, made: int) -> nn.Module:
        return nn.Sequential(Conv(read, inner, 3), Conv(inner, inner, 3), nn.Conv2d(inner, made, 1))

    def forward(self, levels: list[Tensor]) -> Tensor:
        found = [torch.cat([self.boxes[i](x), self.classes[i](x)], 1) for i, x in enumerate(levels)]
        joined = torch.cat([level.flatten(2) for level in found], 2)
        sides, classes = torch.split(joined, [4 * _BINS, _CLASSES], 1)
        shares = sides.view(1, 4, _BINS, -1).transpose(1, 2).softmax(1)
        near, far = (shares * self.bins).sum(1).chunk(2, 1)
        low, high = self.centres - near, self.centres + far
        boxes = torch.cat([(low + high) / 2, high - low], 1) * self.strides
        return torch.cat([boxes, classes.sigmoid()], 1)


class YoloV8n(nn.Module):
    """The detector for pictures of 640 by 640; takes float32 [1, 3, 640, 640]."""

    def __init__(self, side: int = 640) -> None:
        super().__init__()
        self.stem = nn.Sequential(Conv(3, 16, 3, 2), Conv(16, 32, 3, 2), C2f(32, 32, 1, adds=True), Conv(32, 64, 3, 2))
        self.third = C2f(64, 64, 2, adds=True)
        self.fourth = nn.Sequential(Conv(64, 128, 3, 2), C2f(128, 128, 2, adds=True))
        self.fifth = nn.Sequential(Conv(128, 256, 3, 2), C2f(256, 256, 1, adds=True), Pyramid(256))
        self.up = nn.Upsample(scale_factor=2)
        self.middle, self.large = C2f(384, 128, 1), C2f(192, 64, 1)
        self.down, self.again = Conv(64, 64, 3, 2), Conv(128, 128, 3, 2)
        self.medium, self.small = C2f(192, 128, 1), C2f(384, 256, 1)
        self.detect = Detect((64, 128, 256), (side // 8, side // 16, side // 32))

    def forward(self, image: Tensor) -> Tensor:
        third = self.third(self.stem(image))
        fourth = self.fourth(third)
        fifth = self.fifth(fourth)
        middle = self.middle(torch.cat([self.up(fifth), fourth], 1))
        large = self.large(torch.cat([self.up(middle), third], 1))
        medium = self.medium(torch.cat([self.down(large), middle], 1))
        small = self.small(torch.cat([self.again(medium), fifth], 1))
        made: Tensor = self.detect([large, medium, small])
        return made


def yolov8n() -> tuple[nn.Module, tuple[Tensor]]:
    """The module with seeded weights, and an example input."""
    torch.manual_seed(0)
    return YoloV8n().eval(), (torch.zeros(1, 3, 640, 640),)
