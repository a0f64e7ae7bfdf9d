"""Mutual TLS and a token between real processes, with certificates from the script in deploy/."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from dads_process import DadsProcess, start_cloud

BIN = Path(sys.executable).parent
MODEL = "zoo:easy_net"
SCRIPT = Path(__file__).parents[2] / "deploy" / "make_test_certificates.sh"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the script wants openssl")


def make(folder: Path) -> Path:
    subprocess.run([str(SCRIPT), str(folder)], check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture
def files(tmp_path):
    return make(tmp_path / "certificates")


def edge_arguments(address, files, *more):
    arguments = ["edge", "--model", MODEL, "--cloud", address, "--source", "sample", "--loop", "--rate", "10"]
    arguments += ["--results", "-", "--edge-slowdown", "40", "--threads", "1", "--log-format", "json"]
    arguments += ["--tls-ca", str(files / "ca.pem"), "--tls-cert", str(files / "edge.pem")]
    return [*arguments, "--tls-key", str(files / "edge.key"), *more]


def check_grpcurl(address, files, secret):
    """A client that is not ours gets in with certificate and token, and not without the token."""
    shown = ["-cacert", str(files / "ca.pem"), "-cert", str(files / "edge.pem"), "-key", str(files / "edge.key")]

    def ask(*more):
        command = [str(BIN / "grpcurl"), *shown, *more, address, "dads.v1.SplitInference/ListModels"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    let_in, denied = ask("-H", f"authorization: Bearer {secret}"), ask()
    assert MODEL in let_in.stdout, let_in.stderr
    assert denied.returncode != 0
    assert "Unauthenticated" in denied.stderr


def test_offloading_through_mutual_tls_and_a_new_certificate_without_a_restart(files):
    secret = (files / "token").read_text().strip()
    settings = [("--tls-cert", "cloud.pem"), ("--tls-key", "cloud.key"), ("--tls-client-ca", "ca.pem")]
    settings.append(("--token-file", "token"))
    arguments = [part for name, file in settings for part in (name, str(files / file))]
    cloud, address = start_cloud("--model", MODEL, "--listen", "127.0.0.1:0", "--threads", "1", *arguments)
    with cloud:
        with DadsProcess(*edge_arguments(address, files, "--token-file", str(files / "token"))) as edge:
            edge.line(lambda line: json.loads(line)["outcome"] == "offloaded")
            edge.send(signal.SIGTERM)
            assert edge.wait() == 0, edge.errors
        with DadsProcess(*edge_arguments(address, files), environment={"DADS_EDGE_TOKEN": "0" * 64}) as denied:
            denied.logged(lambda line: "BAD_TOKEN" in line)
            assert json.loads(denied.line(lambda line: True))["outcome"] == "edge_only"
            denied.send(signal.SIGTERM)
            assert denied.wait() == 0, denied.errors
        said = [line for line in denied.errors if "BAD_TOKEN" in line]
        assert ["the cloud computed no frame" in line for line in said] == [False, True]  # once, and why at the end
        health = ["health", address, "--timeout", "10s", "--tls-ca", str(files / "ca.pem")]
        with DadsProcess(*health) as stranger:
            assert stranger.wait() == 3
        check_grpcurl(address, files, secret)
        make(files)
        mine = ["--tls-cert", str(files / "edge.pem"), "--tls-key", str(files / "edge.key")]
        with DadsProcess(*health, *mine) as known:
            assert known.wait() == 0, known.errors
        cloud.send(signal.SIGTERM)
        assert cloud.wait(30) == 0, cloud.errors
    for line in (*cloud.printed, *cloud.errors, *edge.printed, *edge.errors, *denied.errors):
        assert secret not in line
        assert "0" * 64 not in line
