"""A model of torch as a kept file: its prepared trace and its definition, so that another start exports nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import safetensors.numpy
import torch

from split_model.definition import Definition
from split_model.engines.schedules.engine import TorchEngine
from split_model.errors import UnsupportedModelError
from split_model.model import Model, Original
from split_model.model_file.arrays import arrays_bytes, constants_in, example_inputs_in
from split_model.model_file.definition_json import DefinitionJson, definition_json, definition_of
from split_model.pytorch.tensors import tensor_of
from split_model.pytorch.trace_file import read_trace, write_trace
from split_model.specs import TensorSpec
from split_model.structure import flatten, unflatten
from split_model.trace.layering import layer

__all__ = ["check_keepable", "kept_model", "write_model"]


def check_keepable(definition: Definition) -> None:
    """Checks that what is read of a file is the same definition.

    Raises:
        UnsupportedModelError: It nests values in the user's own types, which no file holds.
    """
    again = definition_of(definition_json(definition), definition.outputs.constants)
    pairs = ((again.inputs.nesting, definition.inputs.nesting), (again.outputs.nesting, definition.outputs.nesting))
    if any(one != other for one, other in pairs):
        raise UnsupportedModelError("inputs or outputs are nested in types of their own")


def write_model(path: Path, model: Model) -> None:
    """Writes a model that torch runs on the CPU.

    Raises:
        UnsupportedModelError: It has Python code in it, or other things that no file holds.
    """
    check_keepable(model.definition)
    engine = cast("TorchEngine", model.engine)
    arrays = safetensors.numpy.load(arrays_bytes(model.definition, model.example_inputs))
    about = {
        "definition": definition_json(model.definition).model_dump_json(exclude_defaults=True),
        "contiguous": sorted(engine.contiguous),
    }
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    write_trace(path, engine.plain_trace(), about, tensors)


def kept_model(read: Callable[[], bytes], *, name: str, original: Original) -> Model:
    """The model in such a file.

    Args:
        read: Reads the file's bytes.
        name: Its name on the wire.
        original: Its module.

    Raises:
        ModelError: The bytes are no such file.
    """
    file = read_trace(read())
    arrays = {name: tensor.numpy() for name, tensor in file.arrays.items()}
    json = DefinitionJson.model_validate_json(file.about["definition"])
    definition = definition_of(json, constants_in(arrays))
    leaves, nesting = flatten(example_inputs_in(arrays, definition.inputs))
    wanted = (leaf for _, leaf in definition.inputs.leaves)
    pairs = zip(leaves, wanted, strict=True)
    tensors = [tensor_of(leaf, want) if isinstance(want, TensorSpec) else leaf for leaf, want in pairs]

    engine = TorchEngine(
        definition,
        file.trace,
        layer(file.trace),
        contiguous=frozenset(file.about["contiguous"]),
        device=torch.device("cpu"),
        plain_trace=lambda: read_trace(read()).trace,
    )
    return Model(definition, engine, name=name, example_inputs=unflatten(tensors, nesting), original=original)
