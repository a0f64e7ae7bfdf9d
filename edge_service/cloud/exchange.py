"""Between the model's values and the cloud's messages: encodes a cut, and reads an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_service.cloud.seam import Answer, Cloud, FrameToSend
from split_model import Array, Model, Value, arrays_of, value_of
from split_model.structure import Tree
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


def read_answer(model: Model, values: Mapping[str, Value], answer: Answer, wanted: Sequence[str]) -> Tree:
    """Returns the module's outputs, of arrays, from the `wanted` outputs of the cloud and from those computed here.

    Raises:
        ValueError: an output has another shape or dtype than the model's.
        KeyError: an output is missing.
    """
    specs = {output.path: output.tensor for output in model.outputs}
    outputs: dict[str, Array] = {}
    for path in wanted:
        value = value_of((answer.outputs[path],), (specs[path],))
        array = value[0] if isinstance(value, tuple) else value
        outputs[path] = np.require(array, requirements="W")  # an answer is read-only; what is computed here is not
    return model.assemble(values, outputs)
