import json

import pytest

from dads.profiles import read_profile


def test_the_file_can_be_read_back(dads, easy_net, tmp_path):
    path = tmp_path / "easy.json"
    result = dads("profile", "zoo:easy_net", "--output", path, "--repeats", "1")
    assert result.exit_code == 0, result.stderr
    profile = read_profile(path)
    assert (profile.model, profile.digest, profile.device) == (easy_net.name, easy_net.digest, "cpu")
    assert profile.layers == tuple(layer.name for layer in easy_net.graph.layers)
    assert sum(profile.layer_s) == pytest.approx(profile.whole_s)
    assert str(path) in result.stdout


def test_stdout_is_only_json(dads):
    result = dads("profile", "zoo:easy_net", "--repeats", "1")
    assert json.loads(result.stdout)["model"] == "zoo:easy_net"
    assert "profiling zoo:easy_net" in result.stderr
