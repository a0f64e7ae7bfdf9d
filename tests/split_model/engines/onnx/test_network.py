import pytest

from split_model.engines.onnx.network import index
from split_model.errors import ModelError


def _entries(tensor):
    return {entry.key: entry.value for entry in tensor.external_data}


def test_a_weight_is_in_the_model_file_whatever_the_network_says(tiny):
    kernel = next(tensor for tensor in tiny.network.graph.initializer if tensor.name == "kernel2")
    before = _entries(kernel)
    next(entry for entry in kernel.external_data if entry.key == "location").value = "/somewhere/else"
    found = _entries(index(tiny).weights["kernel2"])
    assert found["location"] == "tiny.dads"
    assert int(found["offset"]) == tiny.weights_start + int(before["offset"])
    assert found["length"] == before["length"]
    assert _entries(kernel)["location"] == "/somewhere/else"  # the file's network is not changed


@pytest.mark.parametrize(
    ("key", "value"), [("offset", "-1"), ("length", "-5"), ("length", "99999999"), ("offset", "99999999")]
)
def test_a_weight_outside_of_the_files_weights_is_refused(tiny, key, value):
    kernel = next(tensor for tensor in tiny.network.graph.initializer if tensor.name == "kernel2")
    next(entry for entry in kernel.external_data if entry.key == key).value = value
    with pytest.raises(ModelError, match=r"'kernel2' is at bytes .* expected them within"):
        index(tiny)


def test_a_node_reads_what_its_subgraphs_take_from_outside(tiny):
    network = index(tiny)
    assert set(network.reads[network.maker["branch"]]) == {"positive", "relu", "scale"}


def test_bytes_of_weights_count_whether_they_are_in_the_network_or_not(tiny):
    sizes = index(tiny).weight_bytes
    assert sizes["kernel2"] == 64 * 16 * 9 * 4
    assert sizes["bias"] == 64
