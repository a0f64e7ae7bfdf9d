"""PyTorch models that can be split at any layers: loading, the layer graph, profiling, heads and tails."""

from split_model.engines.clock import compute_clock
from split_model.engines.compiled import CompiledHeads
from split_model.engines.memory import keep_freed_memory, spare_loaded_objects
from split_model.engines.profiling import Profile, profile
from split_model.engines.schedule import Recorder
from split_model.errors import (
    BadSpecError,
    ExecutionError,
    FactoryError,
    InputError,
    MissingExtraError,
    MissingTensorError,
    ModelError,
    NotClosedError,
    ShadowedNetworksError,
    UnknownLayerError,
    UnknownModelError,
    UnknownOutputError,
    UnsupportedModelError,
    WeightsError,
)
from split_model.loading import Loadable, describe, load
from split_model.model import Model
from split_model.split import Head, Tail
from split_model.trace.trace import TensorSpec
from split_model.trunk_and_rest import TrunkAndRest
from split_model.value_specs import ValueSpec
from split_model.values import Value, arrays_of, value_of

__all__ = [
    "BadSpecError",
    "CompiledHeads",
    "ExecutionError",
    "FactoryError",
    "Head",
    "InputError",
    "Loadable",
    "MissingExtraError",
    "MissingTensorError",
    "Model",
    "ModelError",
    "NotClosedError",
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
    "keep_freed_memory",
    "load",
    "profile",
    "spare_loaded_objects",
    "value_of",
]
