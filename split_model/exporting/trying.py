"""Tries a new model file in ONNX Runtime, which has not every operator of ONNX for every dtype."""

import re
from dataclasses import replace
from pathlib import Path

from split_model.definition import Definition
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.with_rest import trunk_definition
from split_model.errors import NoOnnxFormError, UnsupportedModelError
from split_model.model_file import open_model_file
from split_model.parts import tail_spec
from split_model.rests.in_files import rest_in

__all__ = ["try_model_file"]

_LACKING = re.compile(r"implementation for ([\w.]+)\(\d+\) node with name '([^':]+)")


def try_model_file(path: Path) -> None:
    """Opens a session of all that a file's network computes, and closes it.

    Args:
        path: The file, as it was written just now.

    Raises:
        NoOnnxFormError: ONNX Runtime refuses the network; the message names the layer and the operator, where it can.
    """
    file = open_model_file(path, verify_weights=False)
    form = rest_in(file)
    if form is not None:
        file = replace(file, definition=trunk_definition(file.definition, form))
    definition = file.definition
    inputs = [entry.name for entry in definition.graph.layers if not entry.inputs]
    whole = tail_spec(definition, inputs, (), [spec.path for spec in definition.outputs.specs])
    try:
        Builder(file, PackedWeights(None), threads=1).once(whole)
    except UnsupportedModelError as error:
        raise NoOnnxFormError(_refusal(str(error), definition)) from error


def _refusal(said: str, definition: Definition) -> str:
    lacking = _LACKING.search(said)
    if lacking is None:
        return f"{said}; the model runs in torch"
    operator, layer = lacking.groups()
    dtype = "".join(f", {spec.dtype}" for spec in definition.layer_specs.get(layer, ())[:1])
    return f"ONNX Runtime cannot run layer {layer} ({operator}{dtype}) on a CPU; the model runs in torch"
