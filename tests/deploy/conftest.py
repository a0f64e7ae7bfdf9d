"""promtool, from wherever this machine has it; and what the repository deploys."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = "prom/prometheus:v2.42.0"


@pytest.fixture(scope="session")
def promtool(tmp_path_factory):
    """Run promtool in the repository's root: `promtool("test", "rules", FILE)` gives the finished process."""
    command = _promtool(tmp_path_factory.getbasetemp())
    if command is None:
        pytest.skip(f"no promtool on the PATH (Debian: package prometheus), and no docker with the image {IMAGE}")

    def run(*arguments, stdin=""):
        return subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
        )

    return run


def _promtool(files):
    if shutil.which("promtool"):
        return ["promtool"]
    if shutil.which("docker") is None:
        return None
    found = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, timeout=60, check=False)
    if found.returncode != 0:
        return None
    mount = [
        "--volume",
        f"{files}:{files}:ro",
        "--volume",
        f"{ROOT}:/repo:ro",
        "--workdir",
        "/repo",
        "--user",
        f"{os.getuid()}:{os.getgid()}",
    ]
    return ["docker", "run", "--rm", "--interactive", "--network", "none", *mount, "--entrypoint", "promtool", IMAGE]


@pytest.fixture(scope="session")
def dashboard():
    return json.loads((ROOT / "deploy/grafana/dashboards/split_decisions.json").read_text())


@pytest.fixture(scope="session")
def exported():
    """The names of the series of both services, each side by its promised label `job`."""
    from cloud_service import CloudConfig
    from cloud_service.metrics import CloudMetrics
    from edge_service import AgentConfig
    from edge_service.output.metrics import EdgeMetrics
    from partitioner import Layer, LayerGraph

    edge = EdgeMetrics("zoo:net", LayerGraph((Layer("x", (), 4), Layer("y", ("x",), 4)), ("y",)))
    edge.started(AgentConfig(), cloud=None, digest="abc", torch_version="2.13.0")
    cloud = CloudMetrics(
        tails_in_flight=lambda: 0, load_factor=lambda: 1, decoders=lambda: 0, shared_addresses=lambda: 0
    )
    served = SimpleNamespace(name="zoo:net", digest="abc", torch_version="2.13.0", engine=SimpleNamespace(name="onnx"))
    cloud.started(CloudConfig(), [served])
    return {"dads-edge": _families(edge.registry), "dads-cloud": _families(cloud.registry)}


def _families(registry):
    """Family to the names of its series; those that appear with their first use included."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}
    return {
        family.name: {f"{family.name}{suffix}" for suffix in suffixes[family.type]} for family in registry.collect()
    }
