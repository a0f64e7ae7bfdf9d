#!/usr/bin/env bash
# ONNX Runtime computes with the bytes of a big-endian array as if they were little-endian, and says nothing.
#
# Expected: numpy arrays carry their byte order. What takes an array of dtype `>f4`, as files and network protocols give
# them, converts it or refuses it; numpy, torch and protobuf do one or the other.
# What happens: `InferenceSession.run` accepts it, as it accepts `<f4`, and reads the swapped bytes: 1.0 becomes 4.6e-41.
# The answer is wrong without an error or a warning. `OrtValue.ortvalue_from_numpy` does the same. An array of another item
# size is refused, so the check of types is there and looks at the kind and the size alone.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not.
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

print(f"Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}, numpy {np.__version__}, {sys.byteorder}")
value = helper.make_tensor_value_info
graph = helper.make_graph(
    [helper.make_node("Neg", ["x"], ["y"])], "g", [value("x", TensorProto.FLOAT, [3])], [value("y", TensorProto.FLOAT, [3])]
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
numbers = np.array([1.0, 2.0, 3.0], dtype=">f4")
(wrong,) = session.run(None, {"x": numbers})
(right,) = session.run(None, {"x": numbers.astype("<f4")})
held = onnxruntime.OrtValue.ortvalue_from_numpy(numbers).numpy()
print(f"-x of {numbers} as >f4: {wrong}; as <f4: {right}; an OrtValue of it holds {held}")
try:
    session.run(None, {"x": numbers.astype(">f8")})
    refused = False
except Exception as error:
    refused = True
    print(f"as >f8: {type(error).__name__}")
swapped = -numbers.view("<f4")
sys.exit(0 if np.array_equal(wrong, swapped) and np.array_equal(right, -numbers) and refused else 1)
PYTHON
