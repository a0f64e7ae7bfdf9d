"""Imports every module of the commands, and runs those that compute on a model without torch; says what is done."""

import importlib
import json
import pkgutil
from pathlib import Path

import numpy as np
from google.protobuf import json_format
from numpy_engine import numpy_model, picture
from PIL import Image
from typer.testing import CliRunner

import dads
from dads.app import app
from split_wire import decode_tensor, split_pb2

MODEL = "numpy:pictures"
COMMANDS = ("cloud", "demo", "edge", "graph", "health", "link", "models", "plan", "profile", "request")
COMPUTING = ("edge", "request", "profile", "plan", "graph")


def main() -> None:
    for module in pkgutil.walk_packages(dads.__path__, "dads."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    print("imported")
    for command in COMMANDS:
        run(command, "--help")
    print("helped")
    for command in COMPUTING:
        importlib.import_module(f"dads.commands.{command}").load_model = lambda *_, **__: numpy_model()
        globals()[command]()
        print(command)


def edge() -> None:
    folder = Path("pictures")
    folder.mkdir()
    for number in range(2):
        Image.fromarray(picture(number)[0].transpose(1, 2, 0).copy()).save(folder / f"{number}.png")
    options = ("--source", str(folder), "--frames", "2", "--rate", "50", "--save-outputs", "saved", "--results", "-")
    lines = run("edge", "--model", MODEL, *options, "--verify", "--report", "report.json").splitlines()
    report = json.loads(Path("report.json").read_text())
    assert report["verify"] == {"checked": 2, "different": 0, "against": "session"}
    for number, line in enumerate(map(json.loads, lines)):
        with np.load(Path("saved") / line["saved_as"], allow_pickle=False) as saved:
            scores = saved["scores"]
        np.testing.assert_allclose(scores, numpy_model()(picture(number))["scores"], rtol=1e-5)
        assert line["top"][0]["index"] == scores.argmax()


def request() -> None:
    message = json_format.Parse(run("request", MODEL), split_pb2.RunTailRequest())
    (tensor,) = message.tensors
    assert (message.model, tensor.name) == (MODEL, "image")
    np.testing.assert_array_equal(decode_tensor(tensor), picture())


def profile() -> None:
    run("profile", MODEL, "--output", "profile.json")
    assert json.loads(Path("profile.json").read_text())["model"] == MODEL


def plan() -> None:
    profiles = ("--edge-profile", "profile.json", "--cloud-profile", "profile.json")
    made = run("plan", MODEL, "--uplink", "20Mbit/s", "--rtt", "10ms", "--rate", "5", *profiles, "--json")
    assert json.loads(made)["model"] == MODEL


def graph() -> None:
    run("graph", MODEL, "--output", "graph.svg")
    assert "halves" in Path("graph.svg").read_text()


def run(*args: str) -> str:
    done = CliRunner().invoke(app, args, prog_name="dads")
    assert done.exit_code == 0, (args, done.stderr, done.exception)
    return done.stdout
