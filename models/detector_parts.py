"""Divides a torchvision detector into its trunk and its rest, without a line of its arithmetic.

The trunk calls the detector's own transform, backbone and head. The rest calls the detector's own `forward`, in which
these three return what the trunk has computed; so anchors, decoding, thresholds, suppression and the way back to the
picture's pixels are torchvision's code.
"""

import copy
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from models.detector_forms import form_of
from split_model.pytorch.trunk_and_rest import TrunkAndRest
from split_model.rests.form import RestForm
from split_model.structure import Tree

__all__ = ["divide"]

Shape = tuple[int, ...]

Detector = Any
"""A torchvision module or value; torchvision ships no annotations."""


class _Trunk(nn.Module):
    """From a picture, uint8 [1, 3, H, W], to the raw heads; for two stages (proposals first) also to the features."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.transform = detector.transform
        self.backbone = detector.backbone
        self.head = detector.rpn.head if _has_proposals(detector) else detector.head
        self.keeps_features = _has_proposals(detector)

    def forward(self, image: Tensor) -> object:
        """Returns the heads' own return value, after the features if the rest needs them."""
        features = self.features(self.pixels(image))
        heads = self.head(list(features.values()))
        return (features, heads) if self.keeps_features else heads

    def pixels(self, image: Tensor) -> Detector:
        """The resized, normalised picture, padded to a multiple of the stride."""
        return self.transform([image[0].to(torch.float32) / 255])[0]

    def features(self, pixels: Detector) -> dict[str, Tensor]:
        """The feature maps by level."""
        return dict(self.backbone(pixels.tensors))


class _Rest(nn.Module):
    """From what the trunk returns to the detector's return value.

    Args:
        detector: Its backbone and heads are left out.
        picture: Height and width of the model's input.
        resized: Height and width after the transform, without padding.
        padded: The shape of the backbone's input.
        levels: Shapes of the feature maps, by level.
    """

    def __init__(
        self, detector: Detector, *, picture: Shape, resized: Shape, padded: Shape, levels: dict[str, Shape]
    ) -> None:
        super().__init__()
        if _has_proposals(detector):
            self.detector = _with(detector, backbone=None, rpn=_with(detector.rpn, head=None))
        else:
            self.detector = _with(detector, backbone=None, head=None)
        self.picture = picture
        self.resized = resized
        self.padded = padded
        self.levels = levels

    def forward(self, computed: Tree) -> object:
        """Returns torchvision's list of one dictionary: boxes in pixels of the model's input, labels, scores."""
        # A copy for each call, because several threads call this at once.
        if _has_proposals(self.detector):
            features, heads = computed
            ready = {"rpn": _with(self.detector.rpn, head=_Given(heads))}
        else:
            heads = computed
            like = next(iter(heads.values()))
            features = {level: _only_shape(shape, like) for level, shape in self.levels.items()}
            ready = {"head": _Given(heads)}
        some = next(iter(features.values()))
        images = _image_list(_only_shape(self.padded, some), self.resized)
        transform = _GivenImages(images, self.detector.transform)
        detector = _with(self.detector, transform=transform, backbone=_Given(OrderedDict(features)), **ready)
        return detector([_only_shape((3, *self.picture), some)])

    def plain_form(self) -> RestForm | None:
        """What numpy needs in place of this rest; `None` for detectors of two stages."""
        if _has_proposals(self.detector):
            return None
        some = torch.zeros(())
        images = _image_list(_only_shape(self.padded, some), self.resized)
        features = [_only_shape(shape, some) for shape in self.levels.values()]
        (anchors,) = self.detector.anchor_generator(images, features)
        levels = list(self.levels.values())
        return form_of(self.detector, anchors, levels, picture=self.picture, resized=self.resized)


class _Given(nn.Module):
    """Returns a value that is there already."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    def forward(self, *_: object) -> object:
        """Returns the value, whatever the arguments."""
        return self.value


class _GivenImages(_Given):
    """The transform of a picture that the trunk has transformed; the way back is the detector's own."""

    def __init__(self, images: object, transform: Detector) -> None:
        super().__init__((images, None))
        self.postprocess = transform.postprocess


def divide(detector: Detector, example: Tensor) -> TrunkAndRest:
    """Divides a detector for pictures of one size.

    Args:
        detector: A torchvision detector in evaluation mode.
        example: A picture of that size, uint8 [1, 3, H, W].
    """
    trunk = _Trunk(detector)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():  # shapes alone, at no cost
        pixels = trunk.pixels(example)
        levels = {level: tuple(feature.shape) for level, feature in trunk.features(pixels).items()}
    rest = _Rest(
        detector,
        picture=tuple(example.shape[-2:]),
        resized=tuple(pixels.image_sizes[0]),
        padded=tuple(pixels.tensors.shape),
        levels=levels,
    )
    return TrunkAndRest(trunk, rest)


def _has_proposals(detector: Detector) -> bool:
    return hasattr(detector, "rpn")


def _with(module: Detector, **parts: nn.Module | None) -> Detector:
    """A copy of a module that shares everything with it but these parts."""
    made = copy.copy(module)
    made._modules = {**module._modules, **parts}  # noqa: SLF001  # setting one would change the original too
    return made


def _only_shape(shape: Shape, like: Tensor) -> Tensor:
    """A tensor of which only shape, dtype and device are read; it takes no memory."""
    return like.new_zeros(()).expand(shape)


def _image_list(tensors: Tensor, size: Shape) -> object:
    from torchvision.models.detection.image_list import ImageList  # noqa: PLC0415  # once torchvision can be imported

    return ImageList(tensors, [size])
