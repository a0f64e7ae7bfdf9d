"""Loads models of PyTorch modules: networks by name, files of torch.export, and factories."""

from dataclasses import dataclass
from pathlib import Path

import torch

from pictures import Preprocess
from split_model.definition import Definition
from split_model.errors import ModelError, WeightsError
from split_model.factories.factory import call_factory
from split_model.factories.surroundings import prints_to_stderr
from split_model.faithful.reference import Reference
from split_model.model import Model
from split_model.pytorch.call_arguments import arguments_of
from split_model.pytorch.module_model import model_of
from split_model.pytorch.named import FAMILIES, networks
from split_model.pytorch.original import OriginalModule
from split_model.pytorch.pt2_files import read_file
from split_model.pytorch.source import Source
from split_model.trace.parts import uncompiled

__all__ = ["Loadable", "describe", "load_module", "original_of"]


@dataclass(frozen=True, slots=True)
class Loadable:
    """A model that can be loaded by name.

    Attributes:
        spec: Its spec for `load`.
        description: A description in one line.
    """

    spec: str
    description: str


def load_module(
    prefix: str,
    rest: str,
    *,
    name: str,
    weights: str | Path | None,
    device: torch.device | str,
    preprocess: Preprocess | None,
) -> Model:
    """Loads a model of a module; see `split_model.load`.

    Args:
        prefix: The first part of the spec.
        rest: Its second part.
        name: The model's name on the wire.
        weights: As `split_model.load`.
        device: Likewise.
        preprocess: Likewise.
    """
    target = _device(device)
    with prints_to_stderr():
        source = _source(prefix, rest, weights)
        model = model_of(
            source.module,
            source.example_inputs,
            name=name,
            device=target,
            labels=source.labels,
            postprocess=source.postprocess,
            keywords=source.keywords,
            evaluate=source.evaluate,
            preprocess=preprocess or source.preprocess,
        )
    source.module.to(target)  # it was made for this model
    return model


def original_of(
    prefix: str, rest: str, *, weights: str | Path | None, definition: Definition, device: torch.device | str = "cpu"
) -> OriginalModule:
    """The module of a spec, which was captured earlier, behind `Model.original`.

    Args:
        prefix: The first part of the spec.
        rest: Its second part.
        weights: As `split_model.load`.
        definition: What the capture gave.
        device: The device of what it returns.
    """
    target = _device(device)
    with prints_to_stderr():
        source = _source(prefix, rest, weights)
        arguments, _ = arguments_of(source.example_inputs, source.keywords)
        module = uncompiled(source.module).to(target)
    return OriginalModule(Reference(module, arguments, target, source.evaluate), definition)


def describe() -> tuple[Loadable, ...]:
    """Every model that can be loaded by name; see `split_model.describe`."""
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
