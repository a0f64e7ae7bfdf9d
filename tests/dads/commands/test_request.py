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


def test_nested_inputs_of_any_type_make_a_request_that_the_cloud_answers(dads, tmp_path, monkeypatch):
    """A state, a number, a complex tensor, and tensors without dimensions and with nine."""
    (tmp_path / "nets_of_a_user.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x, state, options, scale):\n"
        "        return x * scale + state[0].abs() + options['bias'], state[1] * 2\n"
        "def net():\n"
        "    nine = torch.ones((1,) * 9)\n"
        "    spectrum = torch.tensor([3 + 4j, 0])\n"
        "    return Net().eval(), (torch.ones(2), (spectrum, nine), {'bias': torch.tensor(0.5)}, 2.0)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = dads("request", "nets_of_a_user:net")
    assert result.exit_code == 0, result.stderr
    message = json_format.Parse(result.stdout, split_pb2.RunTailRequest())
    import split_model
    from cloud_service.tails import find_tail, read_feeds, write_outputs
    from split_wire.frames import read_request

    model = split_model.load("nets_of_a_user:net")
    arrays = read_feeds(model, read_request(message.SerializeToString()).tensors)
    feeds = {layer: split_model.value_of(values, model.layer_specs[layer]) for layer, values in arrays.items()}
    sent = {
        tensor.name: decode_tensor(tensor.message())
        for tensor in write_outputs(model, find_tail(model, arrays, ()).run(feeds))
    }
    np.testing.assert_array_equal(sent["0"], [7.5, 2.5])
    assert sent["1"].shape == (1,) * 9


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
