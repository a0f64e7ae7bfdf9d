import json

import pytest

from dads.planning.profile_file import read_profile


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


def test_every_encoding_s_decoding_is_measured(dads, easy_net):
    data = json.loads(dads("profile", "zoo:easy_net", "--repeats", "1").stdout)
    assert {"raw", "zstd", "float16"} <= data["decode_s"].keys()
    assert all(len(seconds) == len(easy_net.graph.layers) for seconds in data["decode_s"].values())
    assert data["encodings"] is None, "these depend on what frames show"


def test_with_a_source_the_edge_s_half_is_measured_too(dads, easy_net, pictures, tmp_path):
    path = tmp_path / "easy.json"
    options = ("--source", pictures, "--max-error", "0.5", "--input-encoding", "jpeg")
    result = dads("profile", "zoo:easy_net", "--output", path, "--repeats", "1", *options)
    assert result.exit_code == 0, result.stderr
    kept = read_profile(path).encodings
    assert (kept.max_error, kept.wanted_input) == (0.5, "jpeg")
    raw, zstd = kept.output_bytes["raw"], kept.output_bytes["zstd"]
    assert len(raw) == len(easy_net.graph.layers)
    assert sum(zstd) < sum(raw), "one color compresses"
    assert "float16" in kept.encode_s


@pytest.mark.parametrize("option", [("--max-error", "0.1"), ("--input-encoding", "jpeg")])
def test_what_depends_on_frames_needs_a_source(dads, option):
    result = dads("profile", "zoo:easy_net", *option)
    assert result.exit_code == 2
    assert "--source" in result.stderr
