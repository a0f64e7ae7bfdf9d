"""`dads edge` says what cannot work before it loads a model."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
import structlog

LIMIT_S = 60.0
EDGE = ("edge", "--model", "zoo:easy_net")


@pytest.fixture(autouse=True)
def logging_as_before():
    """`dads edge` sets logging up for its whole process, which here is the tests'."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    def load_model(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("dads.commands.edge.load_model", load_model)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--rate", "inf"), "'--rate': must be more than 0 and finite, not inf"),
        (("--rate", "nan"), "'--rate'"),
        (("--edge-slowdown", "inf"), "'--edge-slowdown': must be more than 0 and finite, not inf"),
        (("--metrics-port", "99999"), "'--metrics-port'"),
        (("--metrics-port", "-1"), "'--metrics-port'"),
        (("--cloud", "50061"), "'--cloud': '50061' is not HOST:PORT"),
        (("--cloud", "not an address::::"), "is not HOST:PORT"),
        (("--cloud", "127.0.0.1:1,nowhere"), "'--cloud': 'nowhere' is not HOST:PORT"),
        (("--cloud", "127.0.0.1:1,"), "has an empty address"),
        (("--cloud", "127.0.0.1:1,127.0.0.1:1"), "127.0.0.1:1 is given twice"),
        (("--results", "/nope/x.jsonl"), "'--results': /nope/x.jsonl is not a file in a folder that exists"),
        (("--report", "/tmp"), "'--report': /tmp is not a file"),
        (("--save-outputs", __file__), "is a file; expected a folder, which is made if it is missing"),
        (("--draw", "out.avi"), "out.avi: pictures are drawn into a folder or into a file that ends in .mp4"),
        (("--draw", "/nope/out.mp4"), "/nope/out.mp4 is not a file in a folder that exists"),
        (("--strategy", "best"), "expected one of adaptive, edge_only, cloud_only"),
        (("--strategy", "cloud_only"), "need --cloud HOST:PORT"),
        (
            ("--policy", "best"),
            "--policy is 'best': expected one of adaptive, edge_only, cloud_only, chain, given:LAYER",
        ),
        (("--policy", ""), "--policy is '': expected one of adaptive"),
        (("--strategy", ""), "--strategy is '': expected one of adaptive"),
        (("--policy", "given:"), "expected one of adaptive"),
        (("--policy", "given:conv"), "need --cloud HOST:PORT"),
        (("--policy", "chain", "--strategy", "edge_only"), "give one of the two"),
        (("--compare-with", "chain"), "need --cloud HOST:PORT"),
        (("--compare-with", "chain,best"), "--compare-with: 'best' is no policy: expected one of"),
        (("--compile", "--engine", "onnx"), "heads are compiled by torch; expected --engine torch, or no --compile"),
        (("--compile", "--model", "file:a.dads"), "heads are compiled by torch, but file:a.dads runs in onnx"),
        (("--source", "missing.mp4"), "missing.mp4: no such file"),
        (("--preprocess", "shrink"), "'--preprocess': 'shrink' is not understood; expected one each of crop"),
        (("--preprocess", "pad,fill=300"), "'--preprocess': fill=300 with pad; expected 0 to 255"),
        (("--cloud", "127.0.0.1:1", "--tls-ca", "missing.pem"), "tls_ca missing.pem: No such file"),
        (("--cloud", "127.0.0.1:1", "--tls-cert", "cert.pem"), "tls_cert and tls_key belong together"),
        (("--cloud", "127.0.0.1:1", "--token-file", "missing"), "token_file missing: No such file"),
        (("--cloud", "192.0.2.7:1", "--token-file", "missing"), "the token would go to 192.0.2.7:1 in plain text"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_loaded(dads, nothing_is_loaded, args, said):
    result = dads(*EDGE, *args)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLOWDOWN", "abc", "error: DADS_EDGE_SLOWDOWN is 'abc': "),
        ("STRATEGY", "cloud_only", "need --cloud HOST:PORT"),
    ],
)
def test_the_environment_is_checked_as_well(dads, nothing_is_loaded, monkeypatch, name, value, said):
    monkeypatch.setenv(f"DADS_EDGE_{name}", value)
    result = dads(*EDGE)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert said in line


def test_a_token_that_cannot_be_used_is_not_repeated(dads, nothing_is_loaded, monkeypatch):
    monkeypatch.setenv("DADS_EDGE_TOKEN", "t0p secret")
    monkeypatch.setenv("DADS_EDGE_TLS_CERT", "only-this.pem")
    both = dads(*EDGE, "--cloud", "127.0.0.1:1")
    monkeypatch.delenv("DADS_EDGE_TLS_CERT")
    token = dads(*EDGE, "--cloud", "127.0.0.1:1")
    assert (both.exit_code, token.exit_code) == (2, 2)
    assert "belong together" in both.stderr
    assert "the token cannot be sent" in token.stderr
    assert "t0p" not in both.output + both.stderr + token.output + token.stderr


def test_a_metrics_port_in_use_is_named_before_anything_is_loaded(dads, nothing_is_loaded):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = dads(*EDGE, "--metrics-port", port)
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: --metrics-port: 127.0.0.1:{port} is in use; expected a free port, or 0 to pick one\n",
    )


@pytest.mark.parametrize("by", ["option", "environment"])
def test_metrics_are_served_where_it_says(dads, nothing_is_loaded, monkeypatch, by):
    """127.0.0.2 is this machine too: only what was asked for is looked at."""
    if by == "environment":
        monkeypatch.setenv("DADS_EDGE_METRICS_HOST", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        option = ("--metrics-host", "127.0.0.2") if by == "option" else ()
        result = dads(*EDGE, "--metrics-port", port, *option)
    assert (result.exit_code, result.stderr.split(";")[0]) == (
        1,
        f"error: --metrics-port: 127.0.0.2:{port} is in use",
    )


def test_its_help_names_the_environment(dads):
    text = " ".join(dads("edge", "--help").stdout.split())
    assert "DADS_EDGE_RATE_HZ" in text


@pytest.fixture
def sessions(easy_net, times, monkeypatch):
    """Sessions are recorded and not run: `sessions` has their settings."""
    made = []

    class Session:
        problems = ("--draw pictures: No space left on device; 3 pictures were drawn",)

        def __init__(self, *_, **settings):
            made.append(settings)

        async def run(self, *_):
            return {"frames": {"done": 3}}

    monkeypatch.setattr("dads.commands.edge.load_model", lambda *_, **__: easy_net)
    monkeypatch.setattr("dads.session.session.EdgeSession", Session)
    return made


@pytest.mark.parametrize(
    ("options", "variable", "shown"),
    [
        ((), None, True),
        (("--metrics-host", "0.0.0.0"), None, False),
        (("--metrics-host", "::1"), None, True),
        (("--metrics-host", "0.0.0.0", "--show-frames"), None, True),
        (("--metrics-host", "0.0.0.0"), "true", True),
        (("--no-show-frames",), None, False),
    ],
)
def test_a_page_that_others_reach_shows_no_frames_unless_asked(
    dads, sessions, times, pictures, monkeypatch, options, variable, shown
):
    if variable is not None:
        monkeypatch.setenv("DADS_EDGE_SHOW_FRAMES", variable)
    dads(*EDGE, "--source", pictures, "--profile", times.edge_file, "--engine", "torch", "--metrics-port", 0, *options)
    assert [made["shows_frames"] for made in sessions] == [shown]


def test_what_was_not_written_is_an_error_after_the_report(dads, sessions, times, pictures, tmp_path):
    report = tmp_path / "report.json"
    options = ("--draw", tmp_path / "drawn", "--save-outputs", tmp_path / "saved", "--report", report)
    result = dads(*EDGE, "--source", pictures, "--profile", times.edge_file, "--engine", "torch", *options)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "error: --draw pictures: No space left on device; 3 pictures were drawn"
    assert report.exists()
    (made,) = sessions
    assert (made["files"].draw, made["files"].save_outputs) == (tmp_path / "drawn", tmp_path / "saved")


def start(*args, stdout=subprocess.PIPE):
    command = [sys.executable, "-m", "dads", *EDGE, "--threads", "1", "--rate", "50", *map(str, args)]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def ended(process):
    """Kill it if it does not end in time."""
    limit = threading.Timer(LIMIT_S, process.kill)
    limit.start()
    with process:
        yield process
    limit.cancel()


@pytest.mark.parametrize("args", [("--results", "-"), ()])
def test_a_reader_that_leaves_ends_it_quietly(pictures, args):
    """`dads edge | head -2`, with results and with the table."""
    with ended(start("--source", pictures, "--loop", *args)) as edge:
        for _ in range(5):
            edge.stdout.readline()
        edge.stdout.close()
        errors = edge.stderr.read()
        assert edge.wait() == 1, errors
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    assert "error" not in errors


@pytest.mark.parametrize("option", ["--results", "--report"])
def test_a_full_disk_is_one_line_that_names_the_file(pictures, option):
    with ended(start("--source", pictures, "--frames", 3, option, "/dev/full")) as edge:
        _, errors = edge.communicate()
    assert edge.returncode == 1
    assert errors.splitlines()[-1] == f"error: {option} /dev/full: No space left on device"
    assert "Traceback" not in errors


def test_seeded_weights_are_told_once_and_not_among_results(pictures):
    said = "The weights are drawn from a seed, so what it sees means nothing."
    with ended(start("--source", pictures, "--frames", 2)) as edge:
        assert edge.communicate()[0].count(said) == 1
    with ended(start("--source", pictures, "--frames", 2, "--results", "-")) as edge:
        assert said not in edge.communicate()[0]


def test_what_the_models_code_prints_is_not_among_results(pictures, tmp_path):
    (tmp_path / "own.py").write_text(
        "import torch, split_model\n\nclass Trunk(torch.nn.Module):\n    def forward(self, x):\n"
        "        return x.float() / 255\n\nclass Rest(torch.nn.Module):\n    def forward(self, x):\n"
        "        print('in the rest')\n        return x[x > 0]\n\ndef post(outputs):\n    print('in postprocess')\n"
        "    return len(outputs)\n\ndef build():\n"
        "    model = split_model.TrunkAndRest(Trunk(), Rest())\n"
        "    return model, torch.ones(1, 3, 8, 8, dtype=torch.uint8), post\n"
    )
    command = [
        sys.executable,
        "-m",
        "dads",
        "edge",
        "--model",
        f"{tmp_path / 'own.py'}:build",
        "--source",
        str(pictures),
    ]
    done = subprocess.run(
        [*command, "--frames", "2", "--results", "-"], capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    assert [json.loads(line)["frame"] for line in done.stdout.splitlines()] == [0, 1]
    assert "in the rest" in done.stderr
    assert "in postprocess" in done.stderr


def test_ctrl_c_while_it_loads_is_130_and_told(pictures):
    with ended(start("--source", pictures, "--frames", 2)) as edge:
        edge.stderr.readline()  # loading ...
        os.kill(edge.pid, signal.SIGINT)
        errors = edge.stderr.read()
        assert edge.wait() == 130, errors
    assert errors.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in errors
