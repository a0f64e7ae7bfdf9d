"""PyTorch models that can be split anywhere: loading, the layer graph, profiling, heads and tails."""

from models.clock import compute_clock
from models.compiled import CompiledHeads
from models.errors import (
    BadSpecError,
    ExecutionError,
    InputError,
    MissingExtraError,
    MissingTensorError,
    ModelError,
    NotClosedError,
    UnknownLayerError,
    UnknownModelError,
    UnknownOutputError,
    UnsupportedModelError,
    WeightsError,
)
from models.loading import Loadable, describe, load
from models.memory import keep_freed_memory, spare_loaded_objects
from models.model import Model, ValueSpec
from models.profiling import Profile, profile
from models.schedule import Recorder
from models.split import Head, Tail
from models.trace import TensorSpec
from models.values import Value, arrays_of, value_of

__all__ = [
    "BadSpecError",
    "CompiledHeads",
    "ExecutionError",
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
    "Tail",
    "TensorSpec",
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
