"""Models that can be split at any layers: loading, the layer graph, profiling, heads and tails.

What a model is (`definition`) stands apart from what runs its parts (`engines`). Importing this package imports neither
torch nor ONNX Runtime; what needs torch is imported when a PyTorch module is loaded, or by its name here.
"""

import importlib
from typing import TYPE_CHECKING, Any

from split_model.definition import Definition
from split_model.engines.clock import compute_clock
from split_model.engines.engine import Engine, Part, PartSpec, Preparation, Recorder
from split_model.engines.memory import keep_freed_memory, share_one_heap, spare_loaded_objects
from split_model.engines.profile import Profile
from split_model.engines.profiling import profile
from split_model.errors import (
    BadSpecError,
    EngineUnavailableError,
    ExecutionError,
    FactoryError,
    InputError,
    MissingExtraError,
    MissingTensorError,
    ModelError,
    ModelFileError,
    NoOnnxFormError,
    NotClosedError,
    ShadowedNetworksError,
    UnknownLayerError,
    UnknownModelError,
    UnknownOutputError,
    UnsupportedModelError,
    WeightsError,
)
from split_model.loading import describe, load
from split_model.model import Model
from split_model.specs import TensorSpec, ValueSpec
from split_model.split import Head, Tail
from split_model.values import Array, Value, arrays_of, value_of

if TYPE_CHECKING:  # these import torch
    from split_model.engines.schedules.compiled import CompiledHeads
    from split_model.exporting.to_file import export_model
    from split_model.pytorch.loading import Loadable
    from split_model.pytorch.module_model import model_of
    from split_model.pytorch.trunk_and_rest import TrunkAndRest

__all__ = [
    "Array",
    "BadSpecError",
    "CompiledHeads",
    "Definition",
    "Engine",
    "EngineUnavailableError",
    "ExecutionError",
    "FactoryError",
    "Head",
    "InputError",
    "Loadable",
    "MissingExtraError",
    "MissingTensorError",
    "Model",
    "ModelError",
    "ModelFileError",
    "NoOnnxFormError",
    "NotClosedError",
    "Part",
    "PartSpec",
    "Preparation",
    "Profile",
    "Recorder",
    "ShadowedNetworksError",
    "Tail",
    "TensorSpec",
    "TrunkAndRest",
    "UnknownLayerError",
    "UnknownModelError",
    "UnknownOutputError",
    "UnsupportedModelError",
    "Value",
    "ValueSpec",
    "WeightsError",
    "arrays_of",
    "compute_clock",
    "describe",
    "export_model",
    "keep_freed_memory",
    "load",
    "model_of",
    "profile",
    "share_one_heap",
    "spare_loaded_objects",
    "value_of",
]

_OF_TORCH = {
    "CompiledHeads": "split_model.engines.schedules.compiled",
    "export_model": "split_model.exporting.to_file",
    "Loadable": "split_model.pytorch.loading",
    "TrunkAndRest": "split_model.pytorch.trunk_and_rest",
    "model_of": "split_model.pytorch.module_model",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module's attribute
    """Imports what needs torch when it is asked for."""
    if name in _OF_TORCH:
        return getattr(importlib.import_module(_OF_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
