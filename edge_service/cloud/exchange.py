"""Between the model's values and the cloud's messages: encodes a cut, and reads an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from edge_service.cloud.seam import Answer, Cloud, FrameToSend
from split_model import Model, TensorSpec, Value, arrays_of, value_of
from split_wire import Encoding

__all__ = ["encode_cut", "read_answer"]


def encode_cut(
    model: Model,
    cloud: Cloud,
    frame_id: int,
    values: Mapping[str, Value],
    encodings: Mapping[str, Encoding],
    outputs: Sequence[str],
    traceparent: str = "",
) -> FrameToSend:
    """Encodes the values of the layers that cross.

    Args:
        model: the model.
        cloud: makes the message.
        frame_id: the frame's id.
        values: by layer, at least those of the layers that cross.
        encodings: the layers that cross, with their encodings.
        outputs: paths of the outputs that the cloud is to compute.
        traceparent: the frame's trace, or empty.
    """
    tensors = {
        layer: [
            (array, spec.sent.dtype)
            for array, spec in zip(arrays_of(values[layer]), model.layer_specs[layer], strict=True)
        ]
        for layer in encodings
    }
    return cloud.encode(frame_id, tensors, outputs, encodings, traceparent)


def read_answer(model: Model, values: Mapping[str, Value], answer: Answer, wanted: Sequence[str]) -> Any:  # noqa: ANN401 # the module's own type
    """Returns the module's outputs, from the `wanted` outputs of the cloud and from those computed here.

    Raises:
        ValueError: an output has another shape or dtype than the model's.
        KeyError: an output is missing.
    """
    specs = {output.path: TensorSpec(output.dtype, output.shape) for output in model.outputs}
    outputs: dict[str, torch.Tensor] = {}
    for path in wanted:
        value = value_of((answer.outputs[path],), (specs[path],), model.device)
        outputs[path] = value if isinstance(value, torch.Tensor) else value[0]
    return model.assemble(values, outputs)
