import math

import pytest

from partitioner import Layer, LayerGraph, PartitionError

IMAGE = Layer("image", (), 600)


def graph(*layers, outputs=None):
    return LayerGraph((IMAGE, *layers), (layers[-1].name,) if outputs is None else outputs)


@pytest.mark.parametrize("size", [-1, math.nan, math.inf, -math.inf, 10**400, "12", None])
def test_bad_bytes_name_the_layer(size):
    with pytest.raises(PartitionError, match=r"'conv'.*output_bytes"):
        graph(Layer("conv", ("image",), size))


def test_repeated_input_names_both():
    with pytest.raises(PartitionError, match=r"'add'.*'image' is repeated"):
        graph(Layer("add", ("image", "image"), 1))


def test_inputs_as_a_string_are_refused():
    with pytest.raises(PartitionError, match=r"'conv'.*tuple"):
        graph(Layer("conv", "image", 1))


@pytest.mark.parametrize("name", ["", None, 3])
def test_layer_needs_a_name(name):
    with pytest.raises(PartitionError, match="name"):
        Layer(name, (), 1)


def test_repeated_layer():
    with pytest.raises(PartitionError, match="'conv' is repeated"):
        graph(Layer("conv", ("image",), 1), Layer("conv", ("image",), 1))


def test_unknown_input_names_reader_and_read():
    with pytest.raises(PartitionError, match=r"'conv' reads 'nothing'"):
        graph(Layer("conv", ("nothing",), 1))


def test_self_loop():
    with pytest.raises(PartitionError, match="cycle: 'conv' -> 'conv'"):
        graph(Layer("conv", ("conv",), 1))


def test_cycle_names_its_layers():
    with pytest.raises(PartitionError, match="cycle") as caught:
        graph(Layer("a", ("image", "c"), 1), Layer("b", ("a",), 1), Layer("c", ("b",), 1))
    assert all(f"'{name}'" in str(caught.value) for name in "abc")
    assert "image" not in str(caught.value)


def test_wrong_order_is_not_called_a_cycle():
    with pytest.raises(PartitionError, match=r"'b' stands before 'c'.*topological") as caught:
        graph(Layer("b", ("c",), 1), Layer("c", ("image",), 1))
    assert "cycle" not in str(caught.value)


def test_long_cycle_needs_no_recursion():
    count = 10_000
    layers = tuple(Layer(f"v{i}", (f"v{(i - 1) % count}",), 1) for i in range(count))
    with pytest.raises(PartitionError, match="cycle"):
        LayerGraph(layers, ("v0",))


def test_no_outputs():
    with pytest.raises(PartitionError, match=r"no outputs.*'conv'"):
        graph(Layer("conv", ("image",), 1), outputs=())


def test_no_layers():
    with pytest.raises(PartitionError, match="no outputs"):
        LayerGraph((), ())


@pytest.mark.parametrize(
    ("outputs", "message"),
    [(("nothing",), "'nothing'"), (("conv", "conv"), "'conv' is repeated"), ("conv", "tuple of names")],
)
def test_bad_outputs(outputs, message):
    with pytest.raises(PartitionError, match=message):
        graph(Layer("conv", ("image",), 1), outputs=outputs)


def test_inputs_only_is_valid():
    assert len(LayerGraph((IMAGE, Layer("mask", (), 0)), ("image",))) == 2


def test_equal_graphs_are_equal_and_hash_alike():
    one, other = (graph(Layer("conv", ("image",), 1)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)


def test_graphs_are_frozen():
    with pytest.raises(AttributeError):
        IMAGE.name = "other"


def test_errors_are_value_errors():
    assert issubclass(PartitionError, ValueError)
