import asyncio
import json

import numpy as np
import pytest

import split_model
from cloud_service import CloudConfig, CloudServer
from edge_service import Agent, AgentConfig, Outcome
from split_model import Profile


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def exported(folder):
    from typer.testing import CliRunner

    from dads.app import app

    path = folder / "net.dads"
    options = ["--profile-encodings", str(_pictures(folder))]
    done = CliRunner().invoke(app, ["export", "zoo:easy_net", "-o", str(path), *options], prog_name="dads")
    assert done.exit_code == 0, done.stderr
    assert "zoo:easy_net: 8 layers" in done.stdout
    assert "outputs within" in done.stdout
    return path


@pytest.fixture(scope="module")
def from_file(exported):
    model = split_model.load(f"file:{exported}", threads=1)
    yield model
    model.engine.close()


def _pictures(folder):
    from PIL import Image

    pictures = folder / "pictures"
    pictures.mkdir()
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(pictures / "one.png")
    return pictures


async def _served(model, at_cloud):
    """A frame of `model` whose tail `at_cloud` computes, over gRPC."""

    def measure(served, *, repeats):
        return Profile(tuple(1e-6 if layer.inputs else 0.0 for layer in served.graph.layers), 1e-6)

    server = CloudServer(CloudConfig(listen="127.0.0.1:0", grace_s=1, threads=1), [at_cloud], measure=measure)
    await server.start()
    try:
        config = AgentConfig(policy="cloud_only", rate_hz=100, encodings="raw")
        profile = Profile(tuple(1.0 if layer.inputs else 0.0 for layer in model.graph.layers), 8.0)
        async with Agent(model, cloud=f"127.0.0.1:{server.port}", config=config, edge_profile=profile) as agent:
            return [await agent.submit(*model.example_inputs) for _ in range(2)]
    finally:
        await server.stop(1)


@pytest.mark.parametrize("file_is_on", ["edge", "cloud"])
def test_a_file_and_its_model_are_twins_over_grpc(from_file, easy_net, file_is_on):
    edge, cloud = (from_file, easy_net) if file_is_on == "edge" else (easy_net, from_file)
    results = asyncio.run(_served(edge, cloud))
    wanted = np.asarray(easy_net(*easy_net.example_inputs))
    for result in results:
        assert result.outcome is Outcome.OFFLOADED
        np.testing.assert_allclose(np.asarray(result.outputs), wanted, rtol=1e-4, atol=1e-5)


def test_the_costs_of_encodings_are_in_the_file(dads, from_file):
    from dads.planning.profile_file import encodings_in

    found = encodings_in(from_file)
    assert next(iter(found.output_bytes)) == "raw"
    assert all(len(sizes) == len(from_file.graph.layers) for sizes in found.output_bytes.values())


def test_a_file_that_is_there_stays_unless_it_is_forced(dads, exported):
    before = exported.read_bytes()
    done = dads("export", "zoo:easy_net", "-o", exported)
    assert (done.exit_code, exported.read_bytes()) == (2, before)
    assert "--force" in done.stderr


def test_a_file_of_a_file_and_options_without_their_source_are_wrong_usage(dads, exported, tmp_path):
    again = dads("export", f"file:{exported}", "-o", tmp_path / "b.dads")
    assert (again.exit_code, "already" in again.stderr) == (2, True)
    odd = dads("export", "zoo:easy_net", "-o", tmp_path / "b.dads", "--max-error", "0.1")
    assert (odd.exit_code, "--profile-encodings" in odd.stderr) == (2, True)


def test_a_name_that_says_onnx_is_refused_and_other_names_get_a_remark(dads, exported, tmp_path):
    refused = dads("export", "zoo:easy_net", "-o", tmp_path / "net.onnx")
    assert (refused.exit_code, "net.dads" in refused.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
    other = dads("export", f"file:{exported}", "-o", tmp_path / "net.bin")  # refused later, for another reason
    assert f"{tmp_path / 'net.bin'} will be a model file" in other.stderr
    usual = dads("export", f"file:{exported}", "-o", tmp_path / "net.dads")
    assert "will be a model file" not in usual.stderr


def test_what_has_no_onnx_form_is_refused_in_one_line_and_leaves_nothing(dads, tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\n\n\n"
        "class Odd(torch.nn.Module):\n    def forward(self, x):\n        return torch.fft.rfft(x).real\n"
        "\n\ndef make():\n    return Odd().eval(), (torch.ones(1, 8),)\n"
    )
    done = dads("export", f"{tmp_path}/net.py:make", "-o", tmp_path / "odd.dads")
    assert done.exit_code == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert [path.name for path in tmp_path.glob("*.dads")] == []
    assert not list(tmp_path.glob(".dads-export-*"))


def test_commands_take_the_file_and_say_which_engine_ran(dads, exported, tmp_path):
    path = tmp_path / "profile.json"
    done = dads("profile", f"file:{exported}", "--threads", "1", "--repeats", "1", "--output", path)
    assert done.exit_code == 0, done.stderr
    assert json.loads(path.read_text())["engine"] == "onnx"
    refused = dads("profile", f"file:{exported}", "--engine", "torch")
    assert (refused.exit_code, "runs in the engine onnx" in refused.stderr) == (2, True)
