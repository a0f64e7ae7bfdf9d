#!/usr/bin/env bash
# onnx_ir's deduplication of weights by hash fails on a weight that is a transposed view.
#
# Expected: `DeduplicateHashedInitializersPass` compares the bytes of weights, which a tensor gives in row-major order
# (`tobytes`) whatever its array's strides are. A transposed weight, as torch.onnx.export hands them over where a model
# ties or transposes weights, is merged with its equal, or left alone.
# What happens: the pass raises `ValueError: ndarray is not C-contiguous` for the whole model. It hands the array itself
# to hashlib, which takes no strided buffer. A copy of the array by `np.ascontiguousarray` before the pass is the cure.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx_ir==1.1.0 onnx==1.23.2 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import platform
import sys

import numpy as np
import onnx_ir
from onnx_ir.passes.common import DeduplicateHashedInitializersPass

print(f"Python {platform.python_version()}, onnx_ir {onnx_ir.__version__}")


def left_after_the_pass(array):
    """How many of two equal weights are left, or what the pass raised."""
    weights = [onnx_ir.Value(name=name, const_value=onnx_ir.tensor(array, name=name)) for name in ("one", "two")]
    nodes = [onnx_ir.node("Neg", [weight]) for weight in weights]
    outputs = [node.outputs[0] for node in nodes]
    graph = onnx_ir.Graph([], outputs, nodes=nodes, initializers=weights, opset_imports={"": 20})
    try:
        DeduplicateHashedInitializersPass()(onnx_ir.Model(graph, ir_version=10))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return len(graph.initializers)


view = np.arange(6000, dtype=np.float32).reshape(60, 100).T
same_bytes = onnx_ir.tensor(view).tobytes() == np.ascontiguousarray(view).tobytes()
copied, viewed = left_after_the_pass(np.ascontiguousarray(view)), left_after_the_pass(view)
print(f"two equal weights, row-major: {copied} left; transposed views: {viewed}; `tobytes` of both alike: {same_bytes}")
sys.exit(0 if copied == 1 and same_bytes and "not C-contiguous" in str(viewed) else 1)
PYTHON
