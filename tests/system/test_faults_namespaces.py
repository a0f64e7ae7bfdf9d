"""Faults between network namespaces, where TCP itself runs over the link: lost packets, repeated ones, silent SYNs.

The link emulator cannot show these: across it nothing is ever lost, and what a cut held back goes on at once. Needs
root and iproute2, and makes two namespaces with one cable; it is the tests' own, because nothing imports `bench`.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from chaos import clip, small_model
from chaos.verdict import violations
from dads.children import Child

CLOUD, EDGE = "10.78.0.1", "10.78.0.2"
ADDRESS = f"{CLOUD}:50051"  # nobody else is in the namespace
LIMIT_S = 90.0

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2 for network namespaces"
)


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@pytest.fixture
def cable():
    """Two namespaces, edge's and cloud's, and a cable: `ip -n <cloud> link set cable down` pulls it out."""
    stem = f"dads-test-{os.getpid()}"
    edge, cloud = f"{stem}-edge", f"{stem}-cloud"
    with contextlib.ExitStack() as stack:
        for name in (edge, cloud):
            made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
            stack.callback(ip, "netns", "delete", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", "cable", "netns", edge, "type", "veth", "peer", "name", "cable", "netns", cloud)
        for name, address in ((edge, EDGE), (cloud, CLOUD)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
        yield edge, cloud


async def test_a_pulled_cable_is_noticed_and_found_again(cable, tmp_path):
    edge_name, cloud_name = cable
    clip.write(tmp_path / "clip.mp4")
    spec = small_model.write(tmp_path / "model.pt2")
    said, frames = [], []

    async def lines(child):
        async for line in child.lines():
            frames.append(json.loads(line))  # noqa: PERF401 # seen by others as they come

    async def until(condition):
        async with asyncio.timeout(LIMIT_S):
            while not condition():  # noqa: ASYNC110 # lines of another process
                await asyncio.sleep(0.02)

    def outcomes(since):
        return {frame["outcome"] for frame in frames[since:]}

    serve = ["cloud", "--model", spec, "--listen", ADDRESS, "--insecure", "--threads", "1"]
    ask = ["edge", "--model", spec, "--source", str(tmp_path / "clip.mp4"), "--loop", "--rate", "10", "--verify"]
    ask += ["--edge-slowdown", "20", "--threads", "1", "--results", "-", "--report", str(tmp_path / "report.json")]
    ask += ["--log-format", "json", "--cloud", ADDRESS]
    async with (
        Child("cloud", serve, lambda _: None, prefix=["ip", "netns", "exec", cloud_name]),
        Child("edge", ask, said.append, prefix=["ip", "netns", "exec", edge_name]) as edge,
    ):
        reading = asyncio.ensure_future(lines(edge))
        await until(lambda: "offloaded" in outcomes(0))
        before, began_s = len(said), time.monotonic()
        ip("-n", cloud_name, "link", "set", "cable", "down")
        await until(lambda: any("no heartbeat" in line for line in said[before:]))
        print(f"pulled cable: noticed after {time.monotonic() - began_s:.2f} s")
        alone = len(frames)
        await until(lambda: len(frames) >= alone + 80)  # 8 s: TCP repeats itself ever more rarely
        assert outcomes(alone + 5) <= {"edge_only", "dropped"}
        ip("-n", cloud_name, "link", "set", "cable", "up")
        back_s, back = time.monotonic(), len(frames)
        await until(lambda: "offloaded" in outcomes(back))
        print(f"pulled cable: back after {time.monotonic() - back_s:.2f} s")
        edge.send(signal.SIGTERM)
        code = await edge.wait()
        await reading
    report = json.loads((tmp_path / "report.json").read_text())
    assert violations(frames, report, code) == []
