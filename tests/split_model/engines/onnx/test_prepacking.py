from dataclasses import replace
from types import SimpleNamespace

import pytest
from onnx import helper

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.extraction import extract
from split_model.engines.onnx.network import index
from split_model.engines.onnx.prepacking import prepacking
from split_model.specs import TensorSpec


def _found(operator, shape, size=4096):
    definition = SimpleNamespace(layer_specs={"y": (TensorSpec("float32", shape),)})
    return bool(prepacking([helper.make_node(operator, ["x", "w"], ["y"])], {"w": size}, definition))


@pytest.mark.parametrize("operator", ["Gemm", "MatMul"])
def test_products_are_prepacked_unless_they_have_a_single_row(operator):
    assert _found(operator, (7, 1000))
    assert _found(operator, (1, 7, 1000))
    assert _found(operator, (None, 1000))
    assert not _found(operator, (1, 1000))
    assert not _found(operator, (1, 1, 1000))


def test_small_weights_and_operators_that_are_never_prepacked_do_not_count():
    assert not _found("MatMul", (7, 8), 64)
    assert not _found("Conv", (1, 8, 7, 7))
    assert _found("LSTM", (1, 1, 8))


def test_a_part_is_prepacked_if_one_of_its_nodes_is(tiny):
    network = index(tiny)
    assert not extract(network, tiny.definition, tiny.whole).prepacks
    network = replace(network, prepacking=frozenset({network.maker["fc"]}))
    assert extract(network, tiny.definition, tiny.whole).prepacks
    assert not extract(network, tiny.definition, PartSpec(("picture",), ("sum",))).prepacks
