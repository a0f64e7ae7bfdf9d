"""Edge and cloud as two processes, as a user starts them."""

import json
import signal
from pathlib import Path

import av
import numpy as np
import pytest
from dads_process import DadsProcess, start_cloud


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Two seconds of moving noise, 10 frames a second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    generator = np.random.default_rng(7)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(20):
            coarse = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
            image = np.kron(coarse, np.ones((40, 40, 1), dtype=np.uint8))
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.mark.parametrize("option", ["--strategy adaptive", "--strategy cloud_only", "--policy given:max_pool2d"])
def test_a_split_model_over_two_processes_gives_the_whole_models_results(clip, tmp_path, option):
    report, results = tmp_path / "report.json", tmp_path / "results.jsonl"
    cloud, address = start_cloud("--model", "torchvision:alexnet", "--listen", "127.0.0.1:0", "--threads", "1")
    with cloud:
        arguments = ["--model", "torchvision:alexnet", "--cloud", address, "--source", str(clip), "--rate", "5"]
        arguments += ["--frames", "10", "--verify", "--report", str(report), "--results", str(results)]
        arguments += [*option.split(), "--edge-slowdown", "8", "--threads", "1", "--require-cloud"]
        with DadsProcess("edge", *arguments) as edge:
            assert edge.wait() == 0, edge.errors
        cloud.send(signal.SIGTERM)
        assert cloud.wait(30) == 0, cloud.errors
    made = json.loads(report.read_text())
    assert made["model"] == "torchvision:alexnet"
    frames = made["frames"]
    assert frames["read"] == 10 == frames["done"] + frames["dropped"] + frames["failed"]
    assert frames["offloaded"] > 0
    assert made["verify"] == {"checked": frames["done"], "different": 0, "against": "module"}
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(10))
    assert all(line["top"][0]["label"] for line in lines if line["outcome"] not in ("dropped", "failed"))


def test_policies_run_beside_each_other(clip, tmp_path):
    report = tmp_path / "report.json"
    model = "zoo:easy_net"
    cloud, address = start_cloud("--model", model, "--listen", "127.0.0.1:0", "--threads", "1")
    with cloud:
        arguments = ["--model", model, "--cloud", address, "--source", str(clip), "--rate", "10", "--frames", "8"]
        arguments += [
            "--policy",
            "chain",
            "--compare",
            "--compare-with",
            "adaptive,given:conv2d_1,conv2d_2",
            "--verify",
        ]
        arguments += ["--report", str(report), "--edge-slowdown", "40", "--threads", "1", "--require-cloud"]
        with DadsProcess("edge", *arguments) as edge:
            assert edge.wait() == 0, edge.errors
    made = json.loads(report.read_text())
    assert made["strategy"] == "chain"
    assert list(made["baselines"]) == ["edge_only", "cloud_only", "adaptive", "given:conv2d_1,conv2d_2"]
    for name, run in made["baselines"].items():
        assert run["strategy"] == name
        assert run["verify"] == {"checked": run["frames"]["done"], "different": 0, "against": "module"}
        assert run["frames"]["done"] > 0
    cuts = {tuple(entry["cut"]) for entry in made["baselines"]["given:conv2d_1,conv2d_2"]["splits"]}
    assert cuts <= {("conv2d_1", "conv2d_2"), ()}, "everything on the edge until the link is measured"


def test_the_cloud_killed_in_mid_stream_loses_no_frame_and_is_used_again(clip, tmp_path):
    report = tmp_path / "report.json"
    model = "zoo:easy_net"
    cloud, address = start_cloud("--model", model, "--listen", "127.0.0.1:0", "--threads", "1")
    arguments = ["--model", model, "--cloud", address, "--source", str(clip), "--rate", "10", "--frames", "600"]
    # The edge is slowed so much that the cloud is always worth its link.
    arguments += ["--verify", "--report", str(report), "--results", "-", "--edge-slowdown", "40", "--threads", "1"]
    with DadsProcess("edge", *arguments) as edge:
        with cloud:
            edge.line(lambda line: json.loads(line)["outcome"] == "offloaded")
            cloud.send(signal.SIGKILL)
            cloud.wait(30)
        edge.line(lambda line: json.loads(line)["outcome"] == "edge_only")
        cloud, _ = start_cloud("--model", model, "--listen", address, "--threads", "1")
        with cloud:
            edge.line(lambda line: json.loads(line)["outcome"] == "offloaded")
            edge.send(signal.SIGTERM)
            assert edge.wait() == 0, edge.errors
    lines = [json.loads(line) for line in edge.printed]
    made = json.loads(report.read_text())
    frames = made["frames"]
    assert [line["frame"] for line in lines] == list(range(len(lines))), "in order, each exactly once"
    assert frames["read"] == len(lines) == frames["done"] + frames["dropped"] + frames["failed"]
    assert frames["failed"] == 0
    assert frames["local_fallback"] == sum(line["outcome"] == "local_fallback" for line in lines)
    assert made["verify"] == {"checked": frames["done"], "different": 0, "against": "module"}


def test_an_unreachable_cloud_is_exit_code_3_only_when_it_is_required(clip):
    arguments = ["edge", "--model", "zoo:easy_net", "--cloud", "127.0.0.1:9", "--source", str(clip), "--frames", "3"]
    arguments += ["--rate", "10", "--threads", "1"]
    with DadsProcess(*arguments, "--require-cloud") as edge:
        assert edge.wait() == 3
        assert any("error: no answer from the cloud at 127.0.0.1:9" in line for line in edge.errors)
    with DadsProcess(*arguments) as edge:
        assert edge.wait() == 0, edge.errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "zoo:nothing_like_it"], "nothing_like_it"),
        (["--model", "zoo:easy_net", "--source", "missing.mp4"], "missing.mp4"),
        (
            ["--model", "zoo:easy_net", "--cloud", "127.0.0.1:9", "--policy", "given:nothing"],
            "given:nothing: 'nothing' is",
        ),
        (["--model", "zoo:easy_net", "--strategy", "best"], "expected one of adaptive, edge_only, cloud_only"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_was_expected(arguments, said):
    with DadsProcess("edge", *arguments) as edge:
        assert edge.wait() == 2
    assert any(said in line for line in edge.errors if line.startswith("error:")), edge.errors
    assert not any("Traceback" in line for line in edge.errors)
