"""ListModels states the sizes of inputs and outputs, as far as they are fixed."""

from types import SimpleNamespace

import split_model
from cloud_service.describe import model_info
from split_wire import split_pb2


def test_sizes_that_depend_on_values_are_marked():
    model = SimpleNamespace(
        name="made_here:detector",
        digest="00",
        graph=SimpleNamespace(layers=[SimpleNamespace(name="x"), SimpleNamespace(name="rest")]),
        inputs=(split_model.ValueSpec("x", "x", "uint8", (1, 3, 4, 4)),),
        outputs=(split_model.ValueSpec("boxes", "rest", "float32", (None, None)),),
        torch_version="2",
        engine=SimpleNamespace(name="onnx"),
    )
    told = split_pb2.ModelInfo.FromString(model_info(SimpleNamespace(model=model)).SerializeToString())
    assert list(told.inputs[0].shape) == [1, 3, 4, 4]
    assert list(told.outputs[0].shape) == [-1, -1]
    assert told.outputs[0].layer == "rest"
    assert told.engine == "onnx"
