"""`load`: a model from its spec, which names a network, a file or a factory."""

from dataclasses import dataclass
from pathlib import Path

import torch

from pictures import Preprocess
from split_model.errors import BadSpecError, ModelError, WeightsError
from split_model.factories.factory import call_factory
from split_model.factories.surroundings import prints_to_stderr
from split_model.model import Model
from split_model.model_files import read_file
from split_model.named import FAMILIES, networks
from split_model.source import Source

__all__ = ["Loadable", "describe", "load"]

_FORMS = "`torchvision:NAME`, `zoo:NAME`, `file:MODEL.pt2`, `package.module:factory` or `path/net.py:factory`"


@dataclass(frozen=True, slots=True)
class Loadable:
    """A model that can be loaded by name.

    Attributes:
        spec: Its spec for `load`.
        description: A description in one line.
    """

    spec: str
    description: str


def load(
    spec: str,
    *,
    name: str | None = None,
    weights: str | Path | None = None,
    device: torch.device | str = "cpu",
    preprocess: Preprocess | None = None,
) -> Model:
    """Loads a model and prepares it for splitting. What the model's own code prints meanwhile goes to stderr.

    Args:
        spec: `torchvision:googlenet`, `zoo:tiny_yolov2`, `file:model.pt2` (written by `torch.export.save`; reading a
            file may run code, so it must be trusted), `package.module:factory` or `path/net.py:factory`. A factory
            takes no arguments and returns `(module, example_inputs)`, or `(module, example_inputs, postprocess)`.
            Several example inputs are a tuple; a dictionary holds keyword arguments. The module runs in evaluation
            mode. The factory's code runs as from its own folder, or from the working directory where a module is named.
        name: The model's name on the wire; by default the spec.
        weights: For torchvision and zoo models only: `None` for weights drawn from a fixed seed (for
            `zoo:efficientnet_lite0`: the real ones), `DEFAULT`, or the path of a safetensors file.
        device: `cpu`, `cuda` or a `torch.device`.
        preprocess: How a picture becomes the model's input, instead of what the model says itself.

    Raises:
        BadSpecError: The spec has another form.
        UnknownModelError: No such model, file or factory.
        WeightsError: The weights cannot be read or do not fit, or the model has its own.
        MissingExtraError: The model's package is not installed.
        ShadowedNetworksError: The spec names a network, but Python finds another package `models`.
        FactoryError: The factory's own code raised an exception.
        UnsupportedModelError: The model cannot be exported, or has no fixed dataflow graph.
    """
    if spec.endswith(".py"):
        raise BadSpecError(f"{spec!r} names no function; expected {spec}:FUNCTION, which makes the model")
    prefix, colon, rest = spec.rpartition(":") if ".py:" in spec else spec.partition(":")
    if not colon or not prefix or not rest:
        raise BadSpecError(f"{spec!r} is not a model spec; expected {_FORMS}")
    target = _device(device)
    with prints_to_stderr():
        source = _source(prefix, rest, weights)
        model = Model(
            source.module,
            source.example_inputs,
            name=name or spec,
            device=target,
            labels=source.labels,
            postprocess=source.postprocess,
            keywords=source.keywords,
            evaluate=source.evaluate,
            preprocess=preprocess or source.preprocess,
        )
    source.module.to(target)  # it was made for this model
    return model


def describe() -> tuple[Loadable, ...]:
    """Every model that can be loaded by name.

    Raises:
        ShadowedNetworksError: Python finds another package `models` before this project's.
    """
    return tuple(Loadable(spec, text) for spec, text in networks().describe().items())


def _source(prefix: str, rest: str, weights: str | Path | None) -> Source:
    if prefix in FAMILIES:
        return networks().build(prefix, rest, weights)  # type: ignore[no-any-return]  # a module found by its name
    if weights is not None:
        raise WeightsError(f"{prefix}:{rest} brings its own weights; `weights` is for torchvision and zoo models")
    return read_file(Path(rest)) if prefix == "file" else call_factory(prefix, rest)


def _device(device: torch.device | str) -> torch.device:
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"unknown device {device!r}; expected `cpu` or `cuda`") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device {str(found)!r} was asked for, but torch {torch.__version__} sees no CUDA device")
    return found
