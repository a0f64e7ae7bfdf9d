from dataclasses import replace

import pytest

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.extraction import extract
from split_model.engines.onnx.network import index
from split_model.errors import MissingTensorError, UnsupportedModelError
from split_model.specs import TensorSpec


def _names(values):
    return {value.name for value in values}


def test_a_part_has_the_nodes_between_its_feeds_and_what_is_wanted(tiny):
    part = extract(index(tiny), tiny.definition, PartSpec(("relu", "positive"), ("wide",)))
    assert [node.op_type for node in part.model.graph.node] == ["Mul", "If", "Conv"]
    assert _names(part.model.graph.input) == {"relu", "positive"}
    assert _names(part.model.graph.output) == {"wide"}
    assert part.weight_bytes == 64 * 16 * 9 * 4 + 8


def test_what_is_computed_from_weights_alone_belongs_to_both_sides(tiny):
    network = index(tiny)
    head = extract(network, tiny.definition, PartSpec(("picture",), ("branch",)))
    tail = extract(network, tiny.definition, PartSpec(("branch",), ("sum",)))
    assert "scale" in {node.output[0] for node in head.model.graph.node}
    assert "scale" in {node.output[0] for node in tail.model.graph.node}


def test_of_a_tuple_only_the_tensors_that_are_read_are_inputs(tiny):
    part = extract(index(tiny), tiny.definition, PartSpec(("halves",), ("scaled",)))
    assert part.feeds == (("halves#0", "halves", 0),)


def test_a_wanted_tuple_has_all_its_tensors(tiny):
    part = extract(index(tiny), tiny.definition, PartSpec(("wide",), ("halves",)))
    assert part.layers == {"halves": ("halves#0", "halves#1")}


def test_wanted_feeds_need_no_model(tiny):
    part = extract(index(tiny), tiny.definition, PartSpec(("relu",), ("relu",)))
    assert part.model is None


def test_a_missing_model_input_is_named(tiny):
    with pytest.raises(MissingTensorError, match="'picture'"):
        extract(index(tiny), tiny.definition, PartSpec((), ("relu",)))


def test_a_value_that_the_network_lacks_is_named(tiny):
    network = index(tiny)
    network = replace(network, maker={name: place for name, place in network.maker.items() if name != "wide"})
    with pytest.raises(UnsupportedModelError, match="no value 'wide'"):
        extract(network, tiny.definition, PartSpec(("picture",), ("sum",)))


@pytest.mark.parametrize("dtype", ["bfloat16", "complex64"])
def test_dtypes_that_arrays_cannot_hold_are_refused(one_operator, dtype):
    file = one_operator("Relu", {"x": TensorSpec(dtype, (2,))}, TensorSpec(dtype, (2,)))
    with pytest.raises(UnsupportedModelError, match=f"is {dtype}"):
        extract(index(file), file.definition, PartSpec(("x",), ("y",)))


def test_sizes_that_depend_on_values_stay_open(one_operator):
    file = one_operator("Relu", {"x": TensorSpec("float32", (None, 2))}, TensorSpec("float32", (None, 2)))
    part = extract(index(file), file.definition, PartSpec(("x",), ("y",)))
    first, second = part.model.graph.input[0].type.tensor_type.shape.dim
    assert not first.HasField("dim_value")
    assert second.dim_value == 2
