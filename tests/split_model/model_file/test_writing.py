import os
import stat
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from split_model.errors import ModelFileError, UnsupportedModelError
from split_model.model_file import open_model_file, write_model_file, writing


def test_members_are_stored_and_aligned(written):
    file = open_model_file(written)
    with zipfile.ZipFile(written) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
        members = {info.filename: archive.read(info) for info in infos}
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert file.weights_start % 4096 == 0
    weights = members["weights.bin"]
    assert written.read_bytes()[file.weights_start : file.weights_start + file.weights_bytes] == weights


def test_equal_models_give_equal_bytes(written, tmp_path, definition, network, examples):
    write_model_file(tmp_path / "again.dads", definition, network, examples, extra={"encodings.json": b"{}"})
    assert (tmp_path / "again.dads").read_bytes() == written.read_bytes()


def test_weights_lie_where_the_network_says(tmp_path, definition, network, examples):
    arrays = {f"more{size}": np.arange(size, dtype=np.int16) for size in (512, 513, 600, 2000)}
    network.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    write_model_file(tmp_path / "net.dads", definition, network, examples)
    file = open_model_file(tmp_path / "net.dads")
    data = (tmp_path / "net.dads").read_bytes()[file.weights_start :][: file.weights_bytes]
    for tensor in file.network.graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if tensor.name in arrays:
            assert place["location"] == "weights.bin"
            offset, length = int(place["offset"]), int(place["length"])
            assert offset % 64 == 0
            assert data[offset : offset + length] == arrays[tensor.name].tobytes()
    inside = [tensor.name for tensor in file.network.graph.initializer if not tensor.external_data]
    assert inside == ["halves"], "small ones stay in the network"


def test_the_network_computes_what_it_did(written, network, examples):
    onnxruntime = pytest.importorskip("onnxruntime")
    file = open_model_file(written)
    moved = onnx.ModelProto()
    moved.CopyFrom(file.network)
    for tensor in moved.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = file.path.name
            elif entry.key == "offset":
                entry.value = str(int(entry.value) + file.weights_start)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(file.path.parent))
    feeds = {"image": examples[0], "scale": examples[1]["scale"]}
    ours, theirs = (
        onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds) for model in (moved, network)
    )
    assert all(map(np.array_equal, ours, theirs))


def test_weights_in_typed_fields(tmp_path, definition, network, examples, written):
    (weight,) = (tensor for tensor in network.graph.initializer if tensor.name == "weight")
    values = numpy_helper.to_array(weight)
    weight.ClearField("raw_data")
    weight.float_data.extend(values.ravel().tolist())
    write_model_file(tmp_path / "net.dads", definition, network, examples, extra={"encodings.json": b"{}"})
    assert (tmp_path / "net.dads").read_bytes() == written.read_bytes()


def test_large_weights_get_the_longer_header(tmp_path, definition, network, examples, monkeypatch):
    monkeypatch.setattr(writing, "MOST_PLAIN_BYTES", 1000)
    write_model_file(tmp_path / "net.dads", definition, network, examples)
    file = open_model_file(tmp_path / "net.dads")
    assert file.weights_start % 4096 == 0


def test_a_model_without_large_weights(tmp_path, definition, network, examples):
    for tensor in network.graph.initializer:
        if tensor.name == "weight":
            tensor.CopyFrom(numpy_helper.from_array(np.zeros((4, 8), np.float32), "weight"))
    write_model_file(tmp_path / "net.dads", definition, network, examples)
    assert open_model_file(tmp_path / "net.dads").weights_bytes == 0


def test_notes_of_the_exporter_are_left_out(tmp_path, definition, network, examples):
    network.doc_string = "/home/someone"
    network.graph.node[0].metadata_props.add(key="stack_trace", value="/home/someone/net.py")
    network.graph.value_info.add(name="total").metadata_props.add(key="place", value="/home/someone")
    write_model_file(tmp_path / "net.dads", definition, network, examples)
    assert b"someone" not in (tmp_path / "net.dads").read_bytes()
    assert network.graph.node[0].metadata_props, "the caller's network is as it was"


def test_the_file_is_replaced_whole_or_not_at_all(tmp_path, definition, network, examples, monkeypatch):
    path = tmp_path / "net.dads"
    write_model_file(path, definition, network, examples)
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ModelFileError, match=r"net\.dads' cannot be written: No space left"):
        write_model_file(path, replace(definition, labels=None), network, examples)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_it(tmp_path, definition, network, examples):
    path = tmp_path / "net.dads"
    write_model_file(path, definition, network, examples)
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_no_folder(tmp_path, definition, network, examples):
    with pytest.raises(ModelFileError, match="cannot be written: No such file or directory"):
        write_model_file(tmp_path / "none" / "net.dads", definition, network, examples)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"extra": {"../net": b""}}, r"'extra/\.\./net' cannot be in a model file"),
        ({"extra": {"large": bytes((8 << 20) + 1)}}, "extra/large has 8388609 bytes; a model file holds at most"),
        ({"example_inputs": ()}, "the example inputs are not nested as the model's inputs are"),
        ({"network": onnx.ModelProto()}, "the network has no value"),
    ],
)
def test_refusals(tmp_path, definition, network, examples, what, expected):
    given = {"definition": definition, "network": network, "example_inputs": examples} | what
    with pytest.raises(UnsupportedModelError, match=expected):
        write_model_file(tmp_path / "net.dads", **given)
    assert list(tmp_path.iterdir()) == []


def test_example_inputs_of_another_shape(tmp_path, definition, network, examples):
    wrong = (examples[0][:, :3], *examples[1:])
    with pytest.raises(UnsupportedModelError, match=r"'input:image' is uint8 \[1, 3\]; expected uint8 \[1, 4\]"):
        write_model_file(tmp_path / "net.dads", definition, network, wrong)


def test_a_network_whose_weights_are_elsewhere(tmp_path, definition, network, examples):
    tensor = network.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(UnsupportedModelError, match=f"the tensor '{tensor.name}' lies in a file"):
        write_model_file(tmp_path / "net.dads", definition, network, examples)


def test_a_weight_that_is_cut_short(tmp_path, definition, network, examples):
    (weight,) = (tensor for tensor in network.graph.initializer if tensor.name == "weight")
    weight.raw_data = weight.raw_data[:-4]
    with pytest.raises(UnsupportedModelError, match="the weight 'weight' has 2044 bytes; expected 2048"):
        write_model_file(tmp_path / "net.dads", definition, network, examples)
    assert list(tmp_path.iterdir()) == []
