"""A built wheel, installed away from this repository, beside a user's own `models` and `protos`."""

import json
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from built_wheel import environment_of, run
from PIL import Image

NETWORK = """
import torch


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(12, 3)

    def forward(self, image):
        return self.linear(image.float().flatten(1))


def make():
    torch.manual_seed(0)
    return Network(), (torch.zeros(1, 3, 2, 2, dtype=torch.uint8),)
"""


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An interpreter whose environment holds the wheel, and of the rest only what this project depends on.

    The dependencies are those of the environment that runs the tests: its folder is on the path, but its `.pth` files,
    one of which leads to this repository, are not read.
    """
    python, target = environment_of(wheel, tmp_path_factory.mktemp("wheel") / "environment")
    (target / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def repository(tmp_path):
    """A user's repository, with a network and pictures."""
    for name in ("models", "protos", "utils", "common"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "models" / "net.py").write_text(NETWORK)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(3):
        Image.fromarray(np.full((2, 2, 3), 80 * index, dtype=np.uint8)).save(pictures / f"{index}.png")
    return tmp_path


def test_the_wheel_is_what_runs(python, repository):
    code = "import edge_service, split_model, split_wire, partitioner; print(edge_service.__file__)"
    done = run(python, "-c", code, cwd=repository)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(python.parents[1])


def test_dads_edge_runs_a_network_of_the_users_models(python, repository):
    options = ("--model", "models.net:make", "--source", "pictures", "--frames", "3", "--rate", "20", "--verify")
    done = run(python, "-m", "dads", "edge", *options, "--report", "report.json", cwd=repository)
    assert done.returncode == 0, done.stderr
    report = json.loads((repository / "report.json").read_text())
    assert report["frames"] == {
        "read": 3,
        "done": 3,
        "dropped": 0,
        "failed": 0,
        "edge_only": 3,
        "offloaded": 0,
        "local_fallback": 0,
    }
    assert report["verify"] == {"checked": 3, "different": 0, "against": "module"}


def test_a_network_by_name_is_ours_beside_the_users_models(python, repository):
    done = run(python, "-m", "dads", "edge", "--model", "zoo:easy_net", "--frames", "1", cwd=repository)
    assert done.returncode == 0, done.stderr
