"""How an edge that starts is watched, and which packages it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.edge_start import edges
from bench.edge_start.packages import installed_bytes

ROOT = Path(__file__).parents[3]

DADS = """
import json, sys, time
held = bytearray(50_000_000)
held[::4096] = b"x" * len(held[::4096])
print("loading", file=sys.stderr)
print(json.dumps({"event": "run started"}), file=sys.stderr, flush=True)
time.sleep(0.1)  # the first frame; the two pipes are read by two threads
for _ in range(3):
    print("{}", flush=True)
sys.stdin.read() if "wait" in sys.argv else None
sys.exit(3 if "fail" in sys.argv else 0)
"""


@pytest.fixture
def code(tmp_path):
    """A folder with a `dads` that says what an edge says."""
    (tmp_path / "dads").mkdir()
    (tmp_path / "dads" / "__init__.py").touch()
    (tmp_path / "dads" / "__main__.py").write_text(DADS)
    return tmp_path


def test_an_edge_is_ready_before_its_first_result(code):
    seen = edges.edge([], code)
    assert 0.0 < seen.ready_s <= seen.first_result_s


def test_a_failed_edge_is_an_error_that_tells_what_it_said(code):
    with pytest.raises(RuntimeError, match="ended with 3; it said:\nloading"):
        edges.edge(["fail"], code)


def test_the_peak_is_the_childs_own(code):
    waits = [sys.executable, str(code / "dads" / "__main__.py"), "wait"]
    pipe = subprocess.PIPE
    with subprocess.Popen(waits, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as child:
        assert child.stdout.readline() == b"{}\n"
        held = edges._peak_bytes(child.pid)
        child.communicate()
    assert 50_000_000 < held < 150_000_000
    assert edges._peak_bytes(child.pid) == 0


def test_the_edges_packages_are_counted_without_extras():
    found = installed_bytes(ROOT)
    assert {"numpy", "onnxruntime", "rich", "pygments"} <= found.keys()  # rich needs pygments
    assert not {"torch", "torchvision", "sympy", "matplotlib", "openvino"} & found.keys()
    assert found["numpy"] > 10_000_000


def test_code_is_compiled_before_it_is_measured(tmp_path):
    (tmp_path / "dads").mkdir()
    (tmp_path / "dads" / "__init__.py").write_text("")
    edges.compile_code(tmp_path)
    assert list((tmp_path / "dads" / "__pycache__").glob("__init__.*.pyc"))
