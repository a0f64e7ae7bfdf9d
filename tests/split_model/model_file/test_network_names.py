from dataclasses import replace

import pytest
from onnx import TensorProto, helper

from split_model.errors import ModelFileError
from split_model.model_file.network_names import check_names
from split_model.specs import TensorSpec


def rename(network, old, new):
    """Calls a value otherwise, where it is made and where it is read."""
    for node in network.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]


def test_the_network_of_the_model(network, definition):
    check_names(network, definition)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("total", "the network has no value 'total', expected of layer 'total'"),
        ("split#1", "the network has no value 'split#1', expected of layer 'split'"),
        ("output:parts.0", r"the network has no value 'output:parts\.0', expected of output 'parts\.0'"),
    ],
)
def test_a_value_is_missing(network, definition, name, expected):
    rename(network, name, "other")
    with pytest.raises(ModelFileError, match=expected):
        check_names(network, definition)


def test_an_input_is_missing(network, definition):
    del network.graph.input[1]
    rename(network, "scale", "weight")
    with pytest.raises(ModelFileError, match="the network has no value 'scale', expected of layer 'scale'"):
        check_names(network, definition)


def test_nodes_in_another_order(network, definition):
    nodes = list(network.graph.node)
    del network.graph.node[:]
    network.graph.node.extend(reversed(nodes))
    with pytest.raises(ModelFileError, match="Identity reads 'split#0', which no node before it makes"):
        check_names(network, definition)


def test_a_value_that_is_made_twice(network, definition):
    network.graph.node.append(helper.make_node("Identity", ["image"], ["total"]))
    with pytest.raises(ModelFileError, match="two nodes of the network make the value 'total'"):
        check_names(network, definition)


def test_an_unknown_input(network, definition):
    network.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    with pytest.raises(ModelFileError, match="the network has the input 'more'; expected image, scale"):
        check_names(network, definition)


def test_weights_may_be_listed_as_inputs(network, definition):
    network.graph.input.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, [4, 128]))
    check_names(network, definition)


@pytest.mark.parametrize(
    ("kind", "shape", "fits"),
    [
        (TensorProto.FLOAT, [4], True),
        (TensorProto.FLOAT, ["any"], True),
        (TensorProto.FLOAT, [5], False),
        (TensorProto.FLOAT, [4, 1], False),
        (TensorProto.DOUBLE, [4], False),
        (TensorProto.UNDEFINED, [4], False),
    ],
)
def test_types_of_inputs(network, definition, kind, shape, fits):
    network.graph.input[1].CopyFrom(helper.make_tensor_value_info("scale", kind, shape))
    if fits:
        check_names(network, definition)
    else:
        with pytest.raises(ModelFileError, match=r"the network's input 'scale' is .*; expected float32 \[4\]"):
            check_names(network, definition)


def test_a_complex_input_is_two_floats_each(network, definition):
    network.graph.input[1].CopyFrom(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [4, 2]))
    specs = {**definition.layer_specs, "scale": (TensorSpec("complex64", (4,)),)}
    check_names(network, replace(definition, layer_specs=specs))


def test_a_rest_may_run_otherwise(network, definition):
    rename(network, "total", "no total")
    rename(network, "output:sum", "no output")
    with pytest.raises(ModelFileError):
        check_names(network, definition)
    check_names(network, replace(definition, rest="total"))
