"""A small model with made-up times, so that plans are the same on every machine."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from dads.app import app
from dads.planning.profile_file import profile_json
from dads.planning.profiles import StoredProfile

MODEL = "zoo:easy_net"


@pytest.fixture
def dads():
    """Run the command line in this process: `dads("plan", ...)` gives exit_code, stdout and stderr."""

    def run(*args):
        return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="dads")

    return run


@pytest.fixture(scope="session")
def easy_net():
    import split_model

    return split_model.load(MODEL)


@pytest.fixture(scope="session")
def times(easy_net, tmp_path_factory):
    """Profiles of an edge of 10 ms a layer and a cloud of 1 ms a layer, as values and as files."""
    folder = tmp_path_factory.mktemp("profiles")
    layers = easy_net.graph.layers
    cloud = StoredProfile(
        model=easy_net.name,
        digest=easy_net.digest,
        layers=tuple(layer.name for layer in layers),
        layer_s=tuple(0.001 if layer.inputs else 0.0 for layer in layers),
        whole_s=0.001 * sum(bool(layer.inputs) for layer in layers),
        device="cpu",
        torch_version="2.13.0",
        machine="made up",
    )
    edge = replace(cloud, layer_s=tuple(10 * seconds for seconds in cloud.layer_s), whole_s=10 * cloud.whole_s)
    edge_file, cloud_file = folder / "edge.json", folder / "cloud.json"
    edge_file.write_text(profile_json(edge))
    cloud_file.write_text(profile_json(cloud))
    options = ("--edge-profile", edge_file, "--cloud-profile", cloud_file)
    return SimpleNamespace(
        edge=edge,
        cloud=cloud,
        edge_file=edge_file,
        options=options,
        folder=folder,
        output_bytes=[layer.output_bytes for layer in layers],
    )


@pytest.fixture
def other_model(times, tmp_path):
    """A profile of other weights than the model's."""
    data = json.loads(times.edge_file.read_text()) | {"digest": "0" * 64}
    path = tmp_path / "other.json"
    path.write_text(json.dumps(data))
    return path


@pytest.fixture
def pictures(tmp_path):
    """A folder of one picture."""
    import av
    import numpy as np

    folder = tmp_path / "pictures"
    folder.mkdir()
    frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), dtype=np.uint8), format="rgb24")
    with av.open(str(folder / "one.png"), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return folder
