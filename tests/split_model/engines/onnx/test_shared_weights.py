import gc

import numpy as np
import onnx
import onnxruntime
import pytest

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.onnx.shared_weights import SharedWeights


@pytest.fixture
def builder(tiny, tmp_path):
    return Builder(tiny, PackedWeights(tmp_path / "packed"), 1)


def test_sessions_use_one_mapping_of_a_weight_as_long_as_one_is_there(tiny, builder):
    whole, tail = builder.lasting(tiny.whole), builder.lasting(PartSpec(("branch",), (), ("scores",)))
    assert whole.held
    assert {id(weight) for weight in tail.held} <= {id(weight) for weight in whole.held}
    del whole
    gc.collect()
    assert builder._shared._mapped
    values = {"branch": np.ones((1, 16, 8, 8), np.float32)}
    before = tail.run(values).outputs["scores"]
    del tail
    gc.collect()
    assert not builder._shared._mapped
    assert np.isfinite(before).all()


def test_what_the_runtime_reorders_for_an_operator_is_not_lent(builder, tmp_path):
    weight = onnx.numpy_helper.from_array(np.ones((32, 32), np.float32), "w")
    path = tmp_path / "w.bin"
    path.write_bytes(weight.raw_data)
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.ClearField("raw_data")
    for key, value in {"location": "w.bin", "offset": "0", "length": "4096"}.items():
        weight.external_data.add(key=key, value=value)
    model = onnx.ModelProto(graph=onnx.GraphProto(initializer=[weight]))
    assert len(SharedWeights().lend(model, tmp_path, onnxruntime.SessionOptions())) == 1
    model.graph.initializer[0].external_data.add(key="prepacked_0", value="Gemm+1|4096;4096;0")
    assert SharedWeights().lend(model, tmp_path, onnxruntime.SessionOptions()) == ()


def test_a_file_that_is_too_short_is_not_lent(tmp_path):
    (tmp_path / "w.bin").write_bytes(b"short")
    weight = onnx.TensorProto(name="w", data_type=1, dims=[32, 32], data_location=onnx.TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="w.bin")
    model = onnx.ModelProto(graph=onnx.GraphProto(initializer=[weight]))
    assert SharedWeights().lend(model, tmp_path, onnxruntime.SessionOptions()) == ()
