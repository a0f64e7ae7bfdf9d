"""`load`: a model from its spec, which names a network, a file or a factory."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pictures import Preprocess
from split_model.errors import BadSpecError
from split_model.model import Model

if TYPE_CHECKING:  # torch may be missing
    from split_model.pytorch.loading import Loadable

__all__ = ["describe", "load"]

_FORMS = (
    "`torchvision:NAME`, `zoo:NAME`, `file:MODEL.dads`, `file:MODEL.pt2`, `package.module:factory` or "
    "`path/net.py:factory`"
)


def load(
    spec: str,
    *,
    name: str | None = None,
    weights: str | Path | None = None,
    device: Any = "cpu",  # noqa: ANN401  # a name, or a device of torch, which may be missing
    preprocess: Preprocess | None = None,
) -> Model:
    """Loads a model and prepares it for splitting. What the model's own code prints meanwhile goes to stderr.

    Args:
        spec: `torchvision:googlenet`, `zoo:tiny_yolov2`, `file:model.dads` (written by `dads export`), `file:model.pt2`
            (written by `torch.export.save`; reading it may run code, so it must be trusted), `package.module:factory`
            or `path/net.py:factory`. A factory takes no arguments and returns `(module, example_inputs)`, or `(module,
            example_inputs, postprocess)`. Several example inputs are a tuple; a dictionary holds keyword arguments. The
            module runs in evaluation mode. The factory's code runs as from its own folder, or from the working
            directory where a module is named.
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
    prefix, rest = parsed(spec)
    return _pytorch().load_module(
        prefix, rest, name=name or spec, weights=weights, device=device, preprocess=preprocess
    )


def describe() -> "tuple[Loadable, ...]":
    """Every model that can be loaded by name.

    Raises:
        ShadowedNetworksError: Python finds another package `models` before this project's.
    """
    return _pytorch().describe()


def parsed(spec: str) -> tuple[str, str]:
    """The two parts of a spec.

    Raises:
        BadSpecError: The spec has another form.
    """
    if spec.endswith(".py"):
        raise BadSpecError(f"{spec!r} names no function; expected {spec}:FUNCTION, which makes the model")
    prefix, colon, rest = spec.rpartition(":") if ".py:" in spec else spec.partition(":")
    if not colon or not prefix or not rest:
        raise BadSpecError(f"{spec!r} is not a model spec; expected {_FORMS}")
    return prefix, rest


def _pytorch() -> Any:  # noqa: ANN401  # a module that imports torch
    return importlib.import_module("split_model.pytorch.loading")
