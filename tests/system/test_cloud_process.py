"""`dads cloud` as a process: what it prints, what it measures, how it ends."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def health(address):
    return subprocess.run(
        [str(BIN / "dads"), "health", address, "--timeout", "10s"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_health_is_0_while_it_serves(cloud):
    done = health(cloud.address)
    assert (done.returncode, done.stdout) == (0, "SERVING\n")


def test_metrics_are_where_it_says(cloud):
    with urllib.request.urlopen(cloud.metrics_url, timeout=30) as answer:
        assert b"dads_tails_in_flight" in answer.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(own_cloud, number):
    own_cloud.process.send(number)
    assert own_cloud.process.wait(60) == 0
    assert health(own_cloud.address).returncode == 3
    events = [json.loads(line)["event"] for line in own_cloud.process.errors if line.startswith("{")]
    assert events[-1] == "stopped"
