"""A whole model as it runs elsewhere: its module in torch, and torch's own export in ONNX Runtime and OpenVINO.

The export is torch's with its defaults, not this project's: it is what people deploy. One thread each. OpenVINO runs in
float32, because its default on some processors is bfloat16, whose answers are percents off.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from split_model.definition import Definition
from split_model.factories.surroundings import prints_to_stderr
from split_model.pytorch.loading import original_of
from split_model.structure import flatten
from split_model.values import Array, carried

__all__ = ["Whole", "has_openvino", "wholes"]

Whole = Callable[[], list[Array]]
"""Runs a model once, and returns its outputs."""


def has_openvino() -> bool:
    """Whether OpenVINO is installed; it is a package of developers alone."""
    return find_spec("openvino") is not None


def wholes(spec: str, definition: Definition, inputs: Sequence[Array]) -> dict[str, Whole]:
    """The whole model by what runs it: eager, ONNX Runtime, and OpenVINO where that is installed.

    Args:
        spec: The model, as `split_model.load` takes it.
        definition: What it is.
        inputs: Inputs of its call: arrays, by position.
    """
    prefix, _, rest = spec.partition(":")
    original = original_of(prefix, rest, weights=None, definition=definition)
    module, tensors = original.reference.module.eval(), tuple(map(torch.from_numpy, inputs))

    def eager() -> list[Array]:
        with torch.inference_mode():
            return _arrays(module(*tensors))

    with TemporaryDirectory(prefix="dads-bench-") as folder:
        path = Path(folder) / "model.onnx"
        with torch.no_grad(), prints_to_stderr():
            torch.onnx.export(module, tensors, path, dynamo=True, verbose=False)
        found = {"eager": eager, "onnxruntime": _in_onnxruntime(path, inputs)}
        if has_openvino():
            found["openvino"] = _in_openvino(path, inputs)
    return found


def _in_onnxruntime(path: Path, inputs: Sequence[Array]) -> Whole:
    import onnxruntime  # noqa: PLC0415  # prints at its import, which belongs behind the benchmark's own words

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = dict(zip((each.name for each in session.get_inputs()), inputs, strict=True))

    def run() -> list[Array]:
        return list(map(np.asarray, session.run(None, feeds)))

    return run


def _in_openvino(path: Path, inputs: Sequence[Array]) -> Whole:
    import openvino  # noqa: PLC0415  # of developers alone

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    request, feeds = compiled.create_infer_request(), dict(enumerate(inputs))

    def run() -> list[Array]:
        made = request.infer(feeds, share_inputs=True)
        return [made[port].copy() for port in compiled.outputs]  # the next run overwrites them

    return run


def _arrays(outputs: object) -> list[Array]:
    leaves, _ = flatten(outputs)
    return [carried(leaf) for leaf in leaves]
