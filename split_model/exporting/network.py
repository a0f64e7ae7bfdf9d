"""Exports a trace as an ONNX network, with the value of every layer under the layer's name.

The exporter would rename values and merge nodes, so each layer's value passes a mark on its way to its readers
(`split_model.exporting.marked`). No pass of the exporter looks past a mark, and in the end the marks become names.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from split_model.errors import MissingExtraError
from split_model.exporting.marked import MarkedTrace
from split_model.exporting.refusals import refuse_dtypes, refused
from split_model.trace.export import quiet
from split_model.trace.layering import Layering
from split_model.trace.trace import Trace

if TYPE_CHECKING:
    import onnx
    import onnx_ir

__all__ = ["OPSET", "Progress", "export_network"]

_STEPS = 3

OPSET = 20
"""The version of ONNX's operators."""

Progress = Callable[[int, int], None]


def export_network(
    trace: Trace, layering: Layering, output_paths: Sequence[str], *, on_progress: Progress | None = None
) -> "onnx.ModelProto":
    """Exports a trace.

    Args:
        trace: Folded, pruned and fused, as heads and tails run it, on the CPU.
        layering: Its layers.
        output_paths: One per leaf of the return value, those that are no tensors included.
        on_progress: Called with the number of steps done, and of all steps.

    Returns:
        The network. Its inputs are the model's, its outputs are called by `names.output_name`, each layer's value by
        `names.tensor_names`. Constant outputs are not in it. The rest of a `TrunkAndRest` is not in it either: the
        outputs are then what the rest takes, under `rests.form.argument_path`. The same trace gives the same network.

    Raises:
        MissingExtraError: onnx or onnxscript is not installed.
        NoOnnxFormError: A layer has no ONNX form.
    """
    try:
        from split_model.exporting.names_for_marks import name_values  # noqa: PLC0415  # of an optional extra
        from split_model.exporting.reducing import reduce  # noqa: PLC0415  # likewise
    except ImportError as error:
        raise MissingExtraError(
            f"exporting a model needs onnx and onnxscript ({error}): pip install onnx onnxscript"
        ) from error
    refuse_dtypes(trace, layering)
    marked = MarkedTrace(trace, layering, output_paths)
    try:
        network = _translated(marked)
    except Exception as error:  # the exporter's errors share no base class
        raise refused(trace, layering, lambda part: _translated(MarkedTrace(*part)), error) from error
    told = on_progress or _untold
    told(1, _STEPS)
    reduce(network)
    told(2, _STEPS)
    name_values(network, layering, marked.expected)
    told(3, _STEPS)
    return _written(network)


def _untold(done: int, total: int) -> None:
    """The progress of an export that nobody watches."""


def _translated(marked: MarkedTrace) -> "onnx_ir.Model":
    """The exporter's own network, with marks."""
    with torch.no_grad(), _silent():
        program = torch.onnx.export(
            marked.eval(), marked.example_inputs(), dynamo=True, optimize=False, opset_version=OPSET, verbose=False
        )
    assert program is not None  # noqa: S101  # for mypy: only a TorchScript export returns None
    return program.model


def _written(network: "onnx_ir.Model") -> "onnx.ModelProto":
    import onnx_ir  # noqa: PLC0415  # of an optional extra

    return onnx_ir.to_proto(network)


@contextmanager
def _silent() -> Iterator[None]:
    """Mutes the exporter, which prints its steps and warns of its own internals."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
