"""An environment without torch, as `pip install .` makes it: an edge runs a model file beside a cloud of torch."""

import json
import re

import numpy as np
import pytest
from built_wheel import environment_of, link_requirements, run

import split_model
from edge_service.sources.sample import sample_path

FRAMES = 4


@pytest.fixture(scope="module")
def edge(wheel, tmp_path_factory):
    """Runs `dads` in an environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("edge")
    python, target = environment_of(wheel, folder / "environment")
    packages = link_requirements(target)
    assert {"numpy", "onnxruntime", "grpcio", "av"} < packages
    assert not packages & {"torch", "torchvision", "sympy", "onnxscript"}

    def dads(*arguments):
        return run(python, "-W", "error", "-m", "dads", *arguments, cwd=folder)

    imported = run(python, "-c", "import torch", cwd=folder)
    assert "No module named 'torch'" in imported.stderr
    return dads


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "easy_net.dads"
    split_model.export_model(split_model.load("zoo:easy_net", engine="torch"), path)
    return path


def outputs(folder):
    """The outputs that `--save-outputs` wrote, in the order of frames."""
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    return [np.load(folder / line["saved_as"]) for line in lines]


def test_the_sample_clip_gives_what_the_whole_model_gives_in_the_cloud(edge, file, torch_cloud, tmp_path):
    found = {}
    for policy in ("edge_only", "cloud_only"):
        folder = tmp_path / policy
        folder.mkdir()
        written = ("--save-outputs", folder, "--results", folder / "results.jsonl", "--report", folder / "report.json")
        source = ("--source", sample_path(), "--frames", FRAMES, "--rate", "20", "--encodings", "raw")
        options = ("--cloud", torch_cloud.address, "--policy", policy, "--verify", *source, *written)
        done = edge("edge", "--model", f"file:{file}", *options)
        assert done.returncode == 0, done.stderr
        report = json.loads((folder / "report.json").read_text())
        assert report["verify"] == {"checked": FRAMES, "different": 0, "against": "session"}
        assert report["frames"]["done"] == FRAMES
        assert report["frames"]["offloaded"] == (FRAMES if policy == "cloud_only" else 0)
        found[policy] = outputs(folder)
    for mine, theirs in zip(found["edge_only"], found["cloud_only"], strict=True):
        assert mine.keys() == theirs.keys()
        for name in mine:
            scale = np.abs(theirs[name]).max()
            assert np.abs(mine[name] - theirs[name]).max() <= 1e-5 * scale
    assert not np.array_equal(found["edge_only"][0][name], found["edge_only"][-1][name]), "pictures that differ"


@pytest.mark.parametrize(
    "command",
    [
        ("edge", "--model", "zoo:easy_net", "--source", str(sample_path())),
        ("export", "net.py:make", "-o", "net.dads"),
        ("models",),
    ],
)
def test_what_needs_torch_says_so_in_one_line(edge, command):
    done = edge(*command)
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert re.search(r"torch.*pip install 'dads\[torch\]'", last), done.stderr
    assert not re.search("Traceback|tracing", done.stderr), "nothing is begun that cannot be done"
