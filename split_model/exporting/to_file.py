"""Writes a model that torch runs as a model file, which ONNX Runtime runs without torch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from split_model.engines.schedules.engine import TorchEngine
from split_model.exporting.network import export_network
from split_model.exporting.rest_forms import rest_form
from split_model.exporting.trying import try_model_file
from split_model.model import Model
from split_model.model_file import write_model_file
from split_model.rests.in_files import POSTPROCESS, REST, postprocess_bytes
from split_model.trace.layering import layer

__all__ = ["export_model"]


def export_model(
    model: Model,
    path: Path,
    *,
    extra: Mapping[str, bytes] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Exports a model.

    Args:
        model: One that torch runs, on the CPU.
        path: The file; one of that name is replaced, once the new one is complete.
        extra: Whatever else the file holds, by name.
        on_progress: Called with the number of steps done, and of all steps.

    Raises:
        NoOnnxFormError: A layer has no ONNX form, or none that ONNX Runtime computes.
        MissingExtraError: A package for the export is not installed.
        UnsupportedModelError: The model has something that a model file cannot hold.
    """
    trace = cast("TorchEngine", model.engine).plain_trace()
    layering = layer(trace)
    held = dict(extra or {})
    form = rest_form(trace, layering)
    if form is not None:
        held[REST] = form.to_bytes()
    if model.postprocess is not None:
        held[POSTPROCESS] = postprocess_bytes(model.postprocess)
    paths = [path for path, _ in model.definition.outputs.leaves]
    network = export_network(trace, layering, paths, on_progress=on_progress)
    write_model_file(path, model.definition, network, model.example_inputs, extra=held, check=try_model_file)
