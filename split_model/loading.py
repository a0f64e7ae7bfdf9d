"""`load`: a model from its spec, which names a network, a file or a factory."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from split_model.errors import BadSpecError, ModelError, UnknownModelError, UnsupportedModelError, WeightsError
from split_model.model import Model
from split_model.model_files import read_file
from split_model.named import FAMILIES, networks
from split_model.source import Source

__all__ = ["Loadable", "describe", "load"]

_FORMS = "`torchvision:NAME`, `zoo:NAME`, `file:MODEL.pt2` or `package.module:factory`"


@dataclass(frozen=True, slots=True)
class Loadable:
    """A model that can be loaded by name.

    Attributes:
        spec: Its spec for `load`.
        description: A description in one line.
    """

    spec: str
    description: str


def load(spec: str, *, weights: str | Path | None = None, device: torch.device | str = "cpu") -> Model:
    """Loads a model and prepares it for splitting.

    Args:
        spec: `torchvision:googlenet`, `zoo:tiny_yolov2`, `file:model.pt2` (written by `torch.export.save`; reading a
            file may run code, so it must be trusted), or `package.module:factory`, where the factory takes no arguments
            and returns `(module, example_inputs)`. Several example inputs are a tuple; a dictionary holds keyword
            arguments. The module runs in evaluation mode.
        weights: For torchvision and zoo models only: `None` for weights drawn from a fixed seed (for
            `zoo:efficientnet_lite0`: the real ones), `DEFAULT`, or the path of a safetensors file.
        device: `cpu`, `cuda` or a `torch.device`.

    Raises:
        BadSpecError: The spec has another form.
        UnknownModelError: No such model, file or factory.
        WeightsError: The weights cannot be read or do not fit, or the model has its own.
        MissingExtraError: The model's package is not installed.
        ShadowedNetworksError: The spec names a network, but Python finds another package `models`.
        UnsupportedModelError: The model cannot be exported, or has no fixed dataflow graph.
    """
    prefix, colon, name = spec.partition(":")
    if not colon or not prefix or not name:
        raise BadSpecError(f"{spec!r} is not a model spec; expected {_FORMS}")
    target = _device(device)
    if prefix in FAMILIES:
        source = networks().build(prefix, name, weights)
    elif weights is not None:
        raise WeightsError(f"{spec!r} brings its own weights; `weights` is for torchvision and zoo models")
    elif prefix == "file":
        source = read_file(Path(name))
    else:
        source = _call_factory(prefix, name)
    model = Model(
        source.module,
        source.example_inputs,
        name=spec,
        device=target,
        labels=source.labels,
        keywords=source.keywords,
        evaluate=source.evaluate,
    )
    source.module.to(target)  # it was made for this model
    return model


def describe() -> tuple[Loadable, ...]:
    """Every model that can be loaded by name.

    Raises:
        ShadowedNetworksError: Python finds another package `models` before this project's.
    """
    return tuple(Loadable(spec, text) for spec, text in networks().describe().items())


def _device(device: torch.device | str) -> torch.device:
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"unknown device {device!r}; expected `cpu` or `cuda`") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device {str(found)!r} was asked for, but torch {torch.__version__} sees no CUDA device")
    return found


def _call_factory(module_name: str, attribute: str) -> Source:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UnknownModelError(f"no module {error.name!r} for {module_name}:{attribute}; expected {_FORMS}") from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        raise UnknownModelError(f"module {module_name!r} has no function {attribute!r}")
    made: Any = factory()
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module)):
        raise UnsupportedModelError(f"{module_name}:{attribute} must return (module, example_inputs), got {type(made)}")
    network, inputs = made
    return Source(network, inputs, evaluate=True)
