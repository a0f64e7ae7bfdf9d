import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from split_model.errors import ModelFileError
from split_model.model_file import external_weights
from split_model.model_file.external_weights import check_external, data_of, without_weights


def network_with(*tensors, nodes=()):
    return helper.make_model(helper.make_graph(list(nodes), "net", [], [], list(tensors)))


def outside(name="weight", dims=(16, 16), data_type=TensorProto.FLOAT, location="weights.bin", offset="0", length=None):
    tensor = TensorProto(name=name, dims=dims, data_type=data_type, data_location=TensorProto.EXTERNAL)
    length = str(int(np.prod(dims)) * 4) if length is None else length
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    return tensor


def test_places_follow_each_other_at_multiples_of_64():
    arrays = [np.arange(count, dtype=np.uint8) for count in (1023, 1024, 1025, 4000, 1064)]
    slim, placed = without_weights(network_with(*(numpy_helper.from_array(one, f"w{one.size}") for one in arrays)))
    assert [(place.offset, place.length) for place in placed] == [(0, 1024), (1024, 1025), (2112, 4000), (6144, 1064)]
    check_external(slim, 6144 + 1064)
    assert [data_of(place) for place in placed] == [one.tobytes() for one in arrays[1:]]


@pytest.mark.parametrize("data_type", [TensorProto.INT4, TensorProto.UINT4])
def test_two_4_bit_numbers_share_a_byte(data_type):
    tensor = TensorProto(name="w", dims=(2049,), data_type=data_type, raw_data=bytes(1025))
    slim, placed = without_weights(network_with(tensor))
    assert [place.length for place in placed] == [1025]
    check_external(slim, 1025)


def test_texts_stay_inside():
    tensor = helper.make_tensor("words", TensorProto.STRING, [200], [b"some words"] * 200)
    slim, placed = without_weights(network_with(tensor))
    assert placed == ()
    assert slim.graph.initializer[0] == tensor


def test_everything_else_is_kept():
    network = network_with(numpy_helper.from_array(np.zeros(1000), "w"))
    network.opset_import[0].version = 18
    network.functions.add(name="f", domain="d")
    slim, _ = without_weights(network)
    slim.graph.ClearField("initializer")
    network.graph.ClearField("initializer")
    assert slim == network


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (outside(location="../weights.bin"), r"lies in '\.\./weights\.bin'; expected weights\.bin"),
        (outside(location="/etc/passwd"), "lies in '/etc/passwd'"),
        (outside(location=None), "lies in None"),
        (outside(offset=None), r"expected weights\.bin, offset and length"),
        (outside(offset="-64"), r"has the offset and length \['-64', '1024'\]"),
        (outside(offset="9" * 30), "has the offset and length"),
        (outside(offset="1e3"), "has the offset and length"),
        (outside(offset="32"), "has 1024 bytes at 32; expected 1024 as its shape and type tell, at a multiple of 64"),
        (outside(length="1020"), "has 1020 bytes at 0; expected 1024"),
        (outside(dims=(1 << 40, 1 << 40), length="1024"), "expected 4835703278458516698824704"),
        (outside(dims=(-1, 16), length="1024"), "expected None"),
        (outside(data_type=TensorProto.STRING), "expected None"),
        (outside(offset="1024"), r"lies at 1024 to 2048, but weights\.bin has 2000 bytes"),
    ],
)
def test_places_that_are_none(tensor, expected):
    with pytest.raises(ModelFileError, match=expected):
        check_external(network_with(tensor), 2000)


def test_places_that_overlap():
    check_external(network_with(outside("a"), outside("b", offset="1024")), 2048)
    with pytest.raises(ModelFileError, match="the weight 'b' lies at 960 to 1984, but 'a' ends at 1024"):
        check_external(network_with(outside("b", offset="960"), outside("a")), 2048)


def subgraph(**parts):
    graph = onnx.GraphProto(name="branch", **parts)
    return helper.make_node("If", ["condition"], ["y"], then_branch=graph, else_branch=graph)


CONSTANT = helper.make_node("Constant", [], ["c"], value=outside())


@pytest.mark.parametrize(
    "network",
    [
        network_with(nodes=[CONSTANT]),
        network_with(nodes=[subgraph(initializer=[outside()])]),
        network_with(nodes=[subgraph(node=[subgraph(node=[CONSTANT])])]),
    ],
)
def test_only_the_graphs_own_weights_lie_outside(network):
    with pytest.raises(ModelFileError, match="lies outside the network, and is no weight of its graph"):
        check_external(network, 4096)


def test_tensors_in_functions_and_sparse_ones():
    network = network_with()
    network.functions.add(name="f").node.add(op_type="Constant").attribute.add(name="value").t.CopyFrom(outside())
    with pytest.raises(ModelFileError, match="is no weight of its graph"):
        check_external(network, 4096)
    network = network_with()
    network.graph.sparse_initializer.add().values.CopyFrom(outside())
    with pytest.raises(ModelFileError, match="is no weight of its graph"):
        check_external(network, 4096)


def test_too_many_nodes(monkeypatch):
    monkeypatch.setattr(external_weights, "MOST_NODES", 4)
    node = subgraph(node=[helper.make_node("Identity", ["x"], ["y"])])  # three: itself, and one in each branch
    check_external(network_with(nodes=[node]), 0)
    with pytest.raises(ModelFileError, match="the network has more than 4 nodes"):
        check_external(network_with(nodes=[node, node]), 0)
