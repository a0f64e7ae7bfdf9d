"""The cloud is replaced under a running edge: by another model of the same name, and by the right one again."""

import json
import signal

import pytest
from dads_process import DadsProcess, start_cloud

MODEL = "zoo:easy_net"


@pytest.fixture
def other_weights(tmp_path):
    """Weights of the same model that differ in one number."""
    import safetensors.torch

    from models import zoo

    module = zoo.build(MODEL.partition(":")[2], None).module.model  # without what casts and normalises
    weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    first = next(tensor for tensor in weights.values() if tensor.is_floating_point())
    first.view(-1)[0] += 1.0
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file(weights, path)
    return path


def test_an_edge_refuses_a_wrong_twin_and_survives_an_upgrade_of_the_cloud(other_weights, tmp_path):
    report = tmp_path / "report.json"
    cloud, address = start_cloud("--model", MODEL, "--listen", "127.0.0.1:0", "--threads", "1")
    arguments = ["--model", MODEL, "--cloud", address, "--source", "sample", "--loop", "--rate", "10"]
    # The edge is slowed so much that the cloud is always worth its link.
    arguments += ["--verify", "--report", str(report), "--results", "-", "--edge-slowdown", "40", "--threads", "1"]
    with DadsProcess("edge", *arguments, "--log-format", "json") as edge:
        with cloud:
            edge.line(lambda line: json.loads(line)["outcome"] == "offloaded")
            cloud.send(signal.SIGTERM)
            assert cloud.wait(30) == 0, cloud.errors
        wrong, _ = start_cloud("--model", MODEL, "--weights", str(other_weights), "--listen", address, "--threads", "1")
        with wrong:
            edge.logged(lambda line: '"refusing to offload"' in line)
            for _ in range(3):
                edge.line(lambda line: json.loads(line)["outcome"] == "edge_only")
            wrong.send(signal.SIGTERM)
            assert wrong.wait(30) == 0, wrong.errors
        right, _ = start_cloud("--model", MODEL, "--listen", address, "--threads", "1")
        with right:
            edge.line(lambda line: json.loads(line)["outcome"] == "offloaded")
            edge.send(signal.SIGTERM)
            assert edge.wait() == 0, edge.errors
    lines = [json.loads(line) for line in edge.printed]
    made = json.loads(report.read_text())
    assert [line["frame"] for line in lines] == list(range(len(lines))), "in order, each exactly once"
    frames = made["frames"]
    assert frames["read"] == len(lines) == frames["done"] + frames["dropped"] + frames["failed"]
    assert frames["failed"] == 0
    assert made["verify"] == {"checked": frames["done"], "different": 0, "against": "module"}, (
        "the other weights never answered"
    )
    told = [json.loads(line) for line in edge.errors if '"refusing to offload"' in line]
    assert len(told) == 1, "said once, not at every attempt"
    assert f"model '{MODEL}' is served with digest" in told[0]["error"]
    assert made["digest"] in told[0]["error"]
