"""The commands without torch: a process where importing it fails imports them all, and runs those that compute."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
WITHOUT = """
import sys

class Missing:
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in {"torch", "torchvision", "sympy"}:
            raise AssertionError(f"{fullname} was imported")  # no `except ImportError` hides it

sys.meta_path.insert(0, Missing())
import run_commands
run_commands.main()
"""


def test_commands_import_and_run_without_torch(tmp_path):
    import dads

    root = Path(dads.__file__).parent.parent
    folders = [TESTS / "dads" / "torchless", TESTS / "edge_service", root]
    paths = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]}"
    program = [sys.executable, "-W", "error", "-c", paths + WITHOUT]
    found = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["imported", "helped", "edge", "request", "profile", "plan", "graph"]
