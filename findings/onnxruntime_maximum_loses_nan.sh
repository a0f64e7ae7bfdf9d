#!/usr/bin/env bash
# Whether ONNX Runtime's maximum of a row with one NaN is NaN depends on the place of the NaN in the row.
#
# Expected: the maximum of numbers and a NaN is NaN, wherever it stands, as in numpy, in torch, in ONNX's own reference
# implementation, and in ONNX Runtime's elementwise `Max`. Or it is the largest number, always.
# What happens: ReduceMax, ReduceMin, MaxPool and GlobalMaxPool give NaN at one or two places of the row and a number at
# all others. With rows of 8 the place is the first for a reduction and the last for pooling; longer rows have others,
# which fits vector instructions that compare lane by lane. No error or warning is given. So neither the maximum of a
# layer nor what comes behind a pooling tells whether the layer made a NaN.
#
# Run by hand, on x86-64. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import platform
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

print(f"Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}, {platform.machine()}")


def model(operator, shape, *inputs, tensors=(), **attributes):
    node = helper.make_node(operator, inputs, ["y"], **attributes)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs if name in ("x", "z")]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "maximum", ends, made, list(tensors))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def computed(network, **given):
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)[0].ravel()


def places(values):
    return "".join("N" if np.isnan(value) else "." for value in values)


def found_at(length):
    rows = np.tile(np.arange(length, dtype=np.float32), (length, 1))
    np.fill_diagonal(rows, np.nan)  # row i has its NaN at place i
    last = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    reduction = model("ReduceMax", rows.shape, "x", "axes", tensors=[last])
    pictures = rows.reshape(1, length, 1, length)
    found = {
        "ReduceMax": places(computed(reduction, x=rows)),
        "ReduceMin": places(computed(model("ReduceMin", rows.shape, "x", "axes", tensors=[last]), x=rows)),
        "MaxPool": places(computed(model("MaxPool", pictures.shape, "x", kernel_shape=[1, length]), x=pictures)),
        "GlobalMaxPool": places(computed(model("GlobalMaxPool", pictures.shape, "x"), x=pictures)),
    }
    agreed = {
        "numpy": places(rows.max(axis=1)),
        "ONNX's reference": places(ReferenceEvaluator(reduction).run(None, {"x": rows})[0].ravel()),
        "Max": places(computed(model("Max", (length,), "x", "z"), x=rows.diagonal().copy(), z=rows[0])),
    }
    print(f"rows of {length}; N where a NaN at this place makes NaN")
    for name, text in (found | agreed).items():
        print(f"  {name:<17}{text}")
    return found, agreed


found, agreed = found_at(8)
found_at(17)
lost = all("N" in text and "." in text for text in found.values())
sys.exit(0 if lost and all("." not in text for text in agreed.values()) else 1)
PYTHON
