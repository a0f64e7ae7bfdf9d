"""The README's examples run as they are printed."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from dads_process import start_cloud

README = (Path(__file__).parents[2] / "README.md").read_text()
AGENT, POLICY, PARTITIONER = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def run(source: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_library_example_offloads_to_a_cloud():
    cloud, address = start_cloud("--model", "torchvision:alexnet", "--listen", "127.0.0.1:0", "--threads", "1")
    with cloud:
        assert "127.0.0.1:50051" in AGENT
        printed = run(AGENT.replace("127.0.0.1:50051", address))
        cloud.send(signal.SIGTERM)
        assert cloud.wait(30) == 0
    assert printed.split()[0] in ("offloaded", "edge_only")


def test_the_policy_example_chooses_a_split():
    ask = """
from edge_service.control import Phase
from edge_service.control.conditions import Conditions
from partitioner import CostProfile, Layer, LayerGraph, splits_of

graph = LayerGraph((Layer("image", (), 150_528), Layer("logits", ("image",), 4_000)), outputs=("logits",))
splits = splits_of(graph, CostProfile((0.0, 0.2), (0.0, 0.02)))
conditions = Conditions(Phase.OFFLOADING, 5e6, 0.01, edge_load=1.0, cloud_load=1.0, rate_hz=2.0)
print(*Inputs().choose(splits, conditions).partition.cut)
"""
    assert run(POLICY + ask) == "image\n"


def test_the_partitioner_example_decides():
    mode, rest = run(PARTITIONER).split(maxsplit=1)
    assert mode in ("light", "heavy")
    # 150,528 B at 5 Mbit/s are 0.241 s and 37,632 B are 0.060 s: after `features` it takes 0.2 + 0.060 + 0.01 + 0.01 s,
    # at the input 0.241 + 0.035 + 0.01 s, and on the edge alone 0.28 s.
    assert "features" in rest or rest.startswith("()") or "image" in rest
    assert float(rest.split()[-1]) == pytest.approx(min(0.28, 0.2802112, 0.2858448), abs=1e-6)
