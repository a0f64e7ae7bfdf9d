import json

import numpy as np
import pytest
from google.protobuf import json_format

from split_wire import decode_tensor, split_pb2


def test_stdout_is_one_request_and_nothing_else(dads, easy_net):
    result = dads("request", "zoo:easy_net", "--frame-id", "7")
    assert result.exit_code == 0, result.stderr
    message = json_format.Parse(result.stdout, split_pb2.RunTailRequest())
    assert (message.model, message.digest, message.frame_id) == (easy_net.name, easy_net.digest, 7)
    assert [tensor.name for tensor in message.tensors] == [spec.layer for spec in easy_net.inputs]
    for tensor, value in zip(message.tensors, easy_net.example_inputs, strict=True):
        np.testing.assert_array_equal(decode_tensor(tensor), value.numpy())
    assert "loading" in result.stderr


def test_a_file_leaves_stdout_alone(dads, tmp_path):
    path = tmp_path / "request.json"
    result = dads("request", "zoo:easy_net", "--output", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(path.read_text())["model"] == "zoo:easy_net"


@pytest.mark.parametrize("spec", ["zoo:nothing", "nothing", "file:/nowhere.pt2", "no.such.module:factory", ""])
def test_an_unknown_model_is_wrong_usage(dads, spec):
    result = dads("request", spec)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("error: ")


def test_a_folder_that_is_not_there_is_told_before_the_model_is_loaded(dads):
    result = dads("request", "zoo:easy_net", "--output", "/nowhere/request.json")
    assert result.exit_code == 2
    assert "/nowhere/request.json" in result.stderr
    assert "loading" not in result.stderr
