"""The edge imports and runs without torch: a process where importing torch fails imports all of it and runs frames."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WITHOUT = """
import sys

class Missing:
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in {"torch", "torchvision", "sympy"}:
            raise AssertionError(f"{fullname} was imported")  # no `except ImportError` hides it

sys.meta_path.insert(0, Missing())
import run_edge
run_edge.main()
"""


def test_the_edge_imports_and_runs_without_torch():
    import edge_service

    root = Path(edge_service.__file__).parent.parent
    paths = f"import sys; sys.path[:0] = {[str(HERE / 'torchless'), str(HERE), str(root)]}"
    program = [sys.executable, "-W", "error", "-c", paths + WITHOUT]
    found = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["imported", "edge-only", "picture", "sent", "refused", "measured"]
