"""The zoo's own networks: those of the paper and its first reproduction that torchvision does not have.

References:
    NiN: M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014 (the ImageNet variant of Caffe's model zoo).
    Tiny YOLOv2: J. Redmon, A. Farhadi, "YOLO9000", CVPR 2017 (yolov2-tiny-voc.cfg).
    Inception blocks: C. Szegedy et al., "Going deeper with convolutions", CVPR 2015; "Rethinking the Inception
    architecture for computer vision", CVPR 2016.
"""

import torch
from torch import Tensor, nn

__all__ = ["EasyNet", "InceptionNet", "InceptionV2Net", "nin", "tiny_yolov2"]


def _conv(ins: int, outs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(ins, outs, kernel, stride, kernel // 2), nn.ReLU(inplace=True))


def _conv_bn(ins: int, outs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(ins, outs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outs), nn.ReLU(inplace=True))


def nin(num_classes: int = 1000) -> nn.Sequential:
    """Network in network for [1, 3, 224, 224]: four mlpconv blocks, then the mean over space, [1, classes]."""
    layers: list[nn.Module] = []
    ins = 3
    for outs, kernel, stride in ((96, 11, 4), (256, 5, 1), (384, 3, 1), (num_classes, 3, 1)):
        layers += [_conv(ins, outs, kernel, stride), _conv(outs, outs, 1), _conv(outs, outs, 1)]
        if outs != num_classes:
            layers.append(nn.MaxPool2d(3, 2))
        if outs == 384:
            layers.append(nn.Dropout())
        ins = outs
    layers[-1] = nn.Conv2d(num_classes, num_classes, 1)  # no rectifier before the mean: class scores may be negative
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def tiny_yolov2(num_classes: int = 20, anchors: int = 5) -> nn.Sequential:
    """Tiny YOLOv2 for [1, 3, 416, 416]: nine convolutions, six of them pooled; the raw grid [1, 125, 13, 13]."""
    layers: list[nn.Module] = []
    ins = 3
    for outs in (16, 32, 64, 128, 256, 512, 1024, 1024):
        layers += [nn.Conv2d(ins, outs, 3, 1, 1, bias=False), nn.BatchNorm2d(outs), nn.LeakyReLU(0.1, inplace=True)]
        if outs < 512:
            layers.append(nn.MaxPool2d(2, 2))
        elif outs == 512:  # the last pooling keeps the size
            layers += [nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1)]
        ins = outs
    return nn.Sequential(*layers, nn.Conv2d(ins, anchors * (5 + num_classes), 1))


class EasyNet(nn.Module):
    """The first reproduction's smallest branching network: a convolution, two parallel ones, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 7, 2, 3)
        self.left = nn.Conv2d(3, 8, 3, 1, 1)
        self.right = nn.Conv2d(3, 8, 3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """[1, 3, H, W] to [1, 16, H/2, W/2]."""
        stem = self.stem(image)
        return torch.cat([self.left(stem), self.right(stem)], 1)


class InceptionNet(nn.Module):
    """A stem and one block of GoogLeNet's kind (its 3a), with 3x3 twice where GoogLeNet has 5x5."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), _conv(64, 192, 3), nn.MaxPool2d(3, 2, 1))
        self.one = _conv(192, 64, 1)
        self.three = nn.Sequential(_conv(192, 96, 1), _conv(96, 128, 3))
        self.five = nn.Sequential(_conv(192, 16, 1), _conv(16, 32, 3), _conv(32, 32, 3))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), _conv(192, 32, 1))

    def forward(self, image: Tensor) -> Tensor:
        """[1, 3, 224, 224] to [1, 256, 28, 28]."""
        stem = self.stem(image)
        return torch.cat([self.one(stem), self.three(stem), self.five(stem), self.pool(stem)], 1)


class InceptionV2Net(nn.Module):
    """A stem and one block of Inception v2's kind: batch norm, 5x5 as two 3x3, mean pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _conv_bn(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), _conv_bn(64, 192, 3), nn.MaxPool2d(3, 2, 1)
        )
        self.one = _conv_bn(192, 64, 1)
        self.three = nn.Sequential(_conv_bn(192, 64, 1), _conv_bn(64, 64, 3))
        self.five = nn.Sequential(_conv_bn(192, 64, 1), _conv_bn(64, 96, 3), _conv_bn(96, 96, 3))
        self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), _conv_bn(192, 32, 1))

    def forward(self, image: Tensor) -> Tensor:
        """[1, 3, 224, 224] to [1, 256, 28, 28]."""
        stem = self.stem(image)
        return torch.cat([self.one(stem), self.three(stem), self.five(stem), self.pool(stem)], 1)
