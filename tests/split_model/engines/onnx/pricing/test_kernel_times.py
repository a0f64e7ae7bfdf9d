from types import SimpleNamespace

import pytest
from onnx import helper

from partitioner import Layer, LayerGraph
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.onnx.pricing.kernel_times import _Kernel, _kernels, _Places, kernel_times


def test_a_fused_activation_counts_for_its_convolution(tiny, tmp_path):
    builder = Builder(tiny, PackedWeights(tmp_path), 1)
    times = kernel_times(tiny.definition, builder.extracted(tiny.whole), builder.folder, 1, tiny.feeds, 2)
    assert times.keys() == tiny.definition.layer_specs.keys()
    assert times["picture"] == 0
    assert times["conv"] > 0
    assert times["wide"] > 0
    assert min(times.values()) >= 0


@pytest.fixture
def places():
    def make(*kernels):
        nodes = [
            helper.make_node("Conv", ["x"], ["conv"]),
            helper.make_node("Relu", ["conv"], ["relu"]),
            helper.make_node("MatMul", ["relu"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["linear"]),
        ]
        layers = (
            Layer("x", (), 1),
            Layer("conv", ("x",), 1),
            Layer("relu", ("conv",), 1),
            Layer("linear", ("relu",), 1),
        )
        definition = SimpleNamespace(
            graph=LayerGraph(layers, ("linear",)), layer_specs=dict.fromkeys(("x", "conv", "relu", "linear"), (None,))
        )
        return _Places(definition, nodes, [_Kernel(name, operator, 1.0) for name, operator in kernels]).layers()

    return make


def test_kernels_in_the_processors_layout_are_named_by_their_value(places):
    assert places(("relu_nchwc", "Conv"), ("node<2>/MatMulAddFusion", "Gemm")) == ["conv", "linear"]


def test_what_is_not_fused_counts_for_itself(places):
    found = places(("node<0>", "Conv"), ("node<1>", "Relu"), ("node<2>", "MatMul"), ("node<3>", "Add"))
    assert found == ["conv", "relu", "linear", "linear"]


def test_a_change_of_layout_counts_for_its_neighbour(places):
    found = places(
        ("ReorderInput", "ReorderInput"),
        ("relu_nchwc", "Conv"),
        ("ReorderOutput", "ReorderOutput"),
        ("node<2>", "Gemm"),
    )
    assert found == ["conv", "conv", "conv", "linear"]


def _event(name, microseconds):
    return {"name": f"{name}_kernel_time", "dur": microseconds, "args": {"op_name": "Conv"}}


def test_the_least_time_of_runs_after_the_first_counts():
    events = [_event("a", 1), _event("b", 1), _event("a", 30), _event("b", 20), _event("a", 10), _event("b", 40)]
    assert [kernel.seconds for kernel in _kernels(events, 3)] == pytest.approx([1e-5, 2e-5])


def test_where_runs_differ_the_last_counts():
    events = [_event("a", 1), _event("b", 2), _event("a", 3), _event("c", 4)]
    assert [kernel.name for kernel in _kernels(events, 2)] == ["a", "c"]
    assert _kernels([], 2) == []
