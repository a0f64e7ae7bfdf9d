"""torchvision's classifiers, segmentation models and detectors, built by name."""

import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - the name of an error; nothing is unpickled with it
from typing import Any

from torch import nn

from models import weights as weights_of
from models.detectors import DETECTORS, as_trained, source_of
from models.detectors import describe as describe_detector
from models.preprocessing import IMAGENET, Normalisation, Normalised, example_image
from pictures import Preprocess
from split_model.errors import UnknownModelError, WeightsError
from split_model.pytorch.source import Source
from split_model.pytorch.torchvision_import import torchvision_models

__all__ = ["build", "describe", "imagenet_labels", "names", "preprocess_of"]

SEGMENTATION = ("deeplabv3_resnet50", "fcn_resnet50", "lraspp_mobilenet_v3_large")

_TRAINING_ONLY = ("aux1.", "aux2.", "AuxLogits.", "aux_classifier.")


def names() -> tuple[str, ...]:
    """Names that `build` knows, sorted."""
    tv = torchvision_models()
    return (*sorted(tv.list_models(module=tv)), *SEGMENTATION, *sorted(DETECTORS))


def build(name: str, weights: str | Path | None) -> Source:
    """Builds a model that takes uint8 [1, 3, H, W] of its own size.

    Args:
        name: torchvision's name of the model.
        weights: `None` for seeded ones, `DEFAULT` for torchvision's (downloaded once), or a safetensors file with the
            names and shapes of the `DEFAULT` ones.

    Raises:
        UnknownModelError: No such model.
        WeightsError: The weights cannot be loaded, or do not fit.
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known)
        meant = f"; did you mean {' or '.join(close)}?" if close else ";"
        raise UnknownModelError(f"torchvision has no model {name!r}{meant} `dads models` lists those that it has")
    tv = torchvision_models()
    preset = tv.get_model_weights(name).DEFAULT
    options = _options(tv.get_model_builder(name), trained=weights is not None)
    if weights == "DEFAULT":
        module = _download(name, preset)
    else:
        with weights_of.NoRandomInit():
            module = tv.get_model(name, weights=None, **options)
        if weights is None:
            weights_of.seed(module)
        else:
            state = weights_of.read_file(Path(weights))
            as_trained(name, module, state)
            weights_of.fill(module, state, Path(weights), ignored=_TRAINING_ONLY)
    if name in DETECTORS:
        return source_of(name, module.eval(), preset.meta)
    transforms = preset.transforms()
    mean, std = (tuple(255 * part for part in parts) for parts in (transforms.mean, transforms.std))
    normalisation = Normalisation(mean, std) if weights is not None else IMAGENET
    size = _size(module, transforms)
    labels = None if name in SEGMENTATION else imagenet_labels()
    return Source(
        Normalised(module, normalisation).eval(),
        (example_image(size, size),),
        labels,
        preprocess=preprocess_of(transforms, size),
    )


def preprocess_of(transforms: Any, size: int) -> Preprocess:  # noqa: ANN401  # torchvision ships no annotations
    """What a weights' `transforms()` do before the normalisation, for an input of `size` by `size`.

    Those of segmentation take the whole picture, of any size; here its centre is cropped.
    """
    (resize,) = transforms.resize_size
    (crop,) = set(transforms.crop_size) if hasattr(transforms, "crop_size") else {resize}
    # Builders without weights make some models smaller than their trained ones are; the field of view stays.
    return Preprocess(resize=round(resize * size / crop), interpolation=transforms.interpolation.value)


def describe(name: str) -> str:
    """A description of the model, in a few words."""
    if name in DETECTORS:
        return describe_detector(name)
    return "segmentation" if name in SEGMENTATION else "ImageNet classifier"


def imagenet_labels() -> tuple[str, ...]:
    """The 1000 ImageNet categories."""
    torchvision_models()
    from torchvision.models import _meta  # noqa: PLC0415  # importable only after the line above

    return tuple(_meta._IMAGENET_CATEGORIES)  # noqa: SLF001  # public only as metadata of each model's weights


def _options(builder: Callable[..., nn.Module], *, trained: bool) -> dict[str, bool | None]:
    """Builder arguments: no parts that only training uses, no slow initialisation, no backbone download."""
    wanted = {"weights_backbone": None, "init_weights": False, "transform_input": trained}
    signature = inspect.signature(builder).parameters
    options: dict[str, bool | None] = {key: value for key, value in wanted.items() if key in signature}
    if builder.__name__ in {"googlenet", "inception_v3"}:
        options = {"aux_logits": False, "init_weights": False, "transform_input": trained}
    return options


def _download(name: str, preset: Any) -> nn.Module:  # noqa: ANN401  # torchvision's enum, which ships no annotations
    try:
        # The next line's `get_model` unpickles the downloaded file; this check ensures that it contains only tensors.
        preset.get_state_dict(check_hash=True, weights_only=True)
        module: nn.Module = torchvision_models().get_model(name, weights=preset)
    except UnpicklingError as error:
        raise WeightsError(
            f"the weights of {name} ({preset}) hold more than tensors; expected torchvision's own"
        ) from error
    except (OSError, RuntimeError) as error:  # no network; a broken download
        raise WeightsError(f"the weights of {name} cannot be downloaded ({preset}): {error}") from error
    return module


def _size(module: nn.Module, transforms: nn.Module) -> int:
    """Height and width of the model's input."""
    fixed = getattr(module, "image_size", None)  # of vision transformers
    if isinstance(fixed, int):
        return fixed
    sizes: list[int] = getattr(transforms, "crop_size", None) or getattr(transforms, "resize_size")  # noqa: B009  # untyped
    return sizes[0]
