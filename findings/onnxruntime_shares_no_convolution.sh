#!/usr/bin/env bash
# Sessions of ONNX Runtime that are given one copy of a convolution's weights each make a copy of their own.
#
# Expected: `SessionOptions.add_initializer` is there to share weights between sessions: the caller's memory is used in
# place of the model's. With it, and with `session.disable_prepacking`, so that no operator reorders them, further
# sessions of the same network take next to no memory. So it is below the highest level of optimisation.
# What happens: at the default level each further session takes as much memory as the weights, because the reordering
# for the processor's own layout (NCHWc) is an optimisation of the graph and no prepacking: it makes new weights. The
# cure is to have one session write the optimised model, and to open that one without optimisation.
#
# Run by hand, on x86-64 and Linux. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6

cat > "$folder/sessions.py" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

LEVEL = onnxruntime.GraphOptimizationLevel
CHANNELS, LAYERS, MORE = 512, 6, 4
SHAPE = (1, CHANNELS, 4, 4)


def write_network(path, weights):
    names = [f"x{number}" for number in range(LAYERS + 1)]
    nodes = [
        helper.make_node("Conv", [names[number], f"weight{number}"], [names[number + 1]], pads=[1] * 4)
        for number in range(LAYERS)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in (names[0], names[-1])]
    tensors = [numpy_helper.from_array(array, f"weight{number}") for number, array in enumerate(weights)]
    graph = helper.make_graph(nodes, "convolutions", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path, save_as_external_data=True, location=f"{path.stem}.bin")


def own_mb():
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("this system tells no anonymous memory")


level, path = getattr(LEVEL, sys.argv[1]), Path(__file__).with_name(f"{sys.argv[1]}.onnx")
weights = [np.full((CHANNELS, CHANNELS, 3, 3), 1e-4, np.float32) for _ in range(LAYERS)]
write_network(path, weights)
values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights]


def session():
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_prepacking", "1")
    for number, value in enumerate(values):
        options.add_initializer(f"weight{number}", value)
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    made.run(None, {"x0": np.ones(SHAPE, np.float32)})
    return made


first = session()
before = own_mb()
others = [session() for _ in range(MORE)]
print(f"{(own_mb() - before) / MORE / (sum(array.nbytes for array in weights) / 1e6):.2f}")
PYTHON

"$folder/venv/bin/python" -c "
import platform, onnxruntime
print(f'Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}, {platform.machine()}')"
below=$("$folder/venv/bin/python" "$folder/sessions.py" ORT_ENABLE_EXTENDED)
default=$("$folder/venv/bin/python" "$folder/sessions.py" ORT_ENABLE_ALL)
echo "memory of each further session, in sizes of the weights: $below below the highest level, $default at the default"
"$folder/venv/bin/python" -c "import sys; sys.exit(0 if $below < 0.2 and $default > 0.8 else 1)"
