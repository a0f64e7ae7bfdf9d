"""A docker engine, and the services of docker-compose.yml on it under a project name and ports of their own."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = "dads-test"
SERVICES = ("cloud", "link", "edge", "prometheus")
ONCE = "export"  # ends when it has written the model's file
FILES = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(ROOT / "tests/system/compose/override.yml"))
ENGINE = Path(os.environ.get("DADS_SHARED", ROOT.parent / "shared")) / "tools/docker-up.sh"
SCALE = ("replicas", "envoy", "edges")  # of the profile `scale`
PORTS = ("CLOUD", "CLOUD_METRICS", "EDGE", "PROMETHEUS", "ENVOY")
# Proxies of the environment are not for this machine.
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def run(*command, limit_s=120.0, check=True, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False, cwd=ROOT, **more)
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def require_engine() -> dict[str, str]:
    """Start an engine where that is possible; returns variables for compose.

    Skips where there is none, and says why.
    """
    if ENGINE.is_file() and os.geteuid() == 0:
        run("bash", str(ENGINE), limit_s=900)
        return {"TORCH_INDEX_URL": ""}  # the wheel lies in that engine's python image
    if shutil.which("docker") is None:
        pytest.skip(f"no docker here, and no {ENGINE} to install it as root")
    if run("docker", "compose", "version", check=False).returncode != 0:
        pytest.skip("docker has no compose plugin here")
    if run("docker", "info", check=False).returncode != 0:
        pytest.skip("no docker engine answers, or this user may not use it")
    return {}


def until(condition, limit_s=120.0, every_s=0.5):
    """What the condition gives once that is true."""
    deadline_s = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline_s, f"not so within {limit_s:g} s: {condition.__doc__ or condition}"
        time.sleep(every_s)


class Stack:
    """The running services; ask them through what is published on 127.0.0.1."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        published = {f"DADS_PORT_{name}": str(port) for name, port in self.ports.items()}
        # So little slowed down that the edge keeps up alone: on the bad link it then keeps everything.
        chosen = {"DADS_UPLINK": "/steps.csv", "DADS_SLOWDOWN": "8"}
        self._environment = os.environ | variables | published | chosen
        self.began_s = time.time()

    def compose(self, *arguments, limit_s=120.0, check=True):
        command = ("docker", "compose", "-p", PROJECT, *FILES, *arguments)
        return run(*command, limit_s=limit_s, check=check, env=self._environment)

    def up(self):
        self.down()
        self.compose("build", "cloud", "edge", limit_s=1500)
        self.began_s = time.time()
        started = self.compose("up", "--detach", "--wait", *SERVICES, limit_s=420, check=False)
        if started.returncode != 0:
            logs = self.compose("logs", "--tail", "30", check=False).stdout
            raise AssertionError(f"{started.stderr[-3000:]}\n{logs[-6000:]}")

    def scale_up(self):
        """Start the replicas, Envoy and the edges that share them; all at once, because the model's file is there."""
        self.compose("build", "envoy", limit_s=300)
        self.compose("up", "--detach", "--no-deps", "--no-recreate", *SCALE, limit_s=120)

    def scale_down(self):
        self.compose("rm", "--force", "--stop", "--volumes", *SCALE, limit_s=120)

    def down(self):
        self.compose("--profile", "scale", "down", "--volumes", "--remove-orphans", limit_s=180)

    def containers(self):
        """What docker knows of each container, by service."""
        ids = self.compose("ps", "--all", "--quiet").stdout.split()
        found = json.loads(run("docker", "inspect", *ids).stdout)
        return {entry["Config"]["Labels"]["com.docker.compose.service"]: entry for entry in found}

    def exec(self, service, *command, check=True, number=1):
        return self.compose("exec", "-T", "--index", str(number), service, *command, check=check)

    def get(self, port_name, path):
        with HTTP.open(f"http://127.0.0.1:{self.ports[port_name]}{path}", timeout=30) as answer:
            return answer.read().decode()

    def edge(self):
        """The edge's metrics: `name{labels}` to value; empty while it does not answer."""
        try:
            text = self.get("EDGE", "/metrics")
        except OSError:
            return {}
        samples = re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, flags=re.MULTILINE)
        return {name: float(value) for name, value in samples}

    def outcome(self, name):
        return self.edge().get(f'dads_frames_total{{outcome="{name}"}}', 0.0)

    def range(self, expr):
        """The values of every series of an expression, from the start until now."""
        times = {"start": f"{self.began_s:.3f}", "end": f"{time.time():.3f}", "step": "5"}
        answer = self.get("PROMETHEUS", f"/api/v1/query_range?{urllib.parse.urlencode({'query': expr, **times})}")
        return [
            [float(value) for _, value in series["values"] if value != "NaN"]
            for series in json.loads(answer)["data"]["result"]
        ]

    def targets(self):
        found = json.loads(self.get("PROMETHEUS", "/api/v1/targets"))["data"]["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in found}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [entry.getsockname()[1] for entry in sockets]
    finally:
        for entry in sockets:
            entry.close()
