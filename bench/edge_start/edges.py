"""`dads edge` as a process that is watched: when it is ready for its first frame, and the most memory that it held.

The memory is the peak in /proc. What `getrusage` tells of an ended child is no less than its parent's own memory when
it was forked, and this parent has torch.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["Started", "compile_code", "edge"]

_WATCH_S = 0.02


@dataclass(frozen=True, slots=True)
class Started:
    """What was seen of an edge.

    Attributes:
        ready_s: From its start until it reads its first frame.
        first_result_s: From its start to the first result.
        resident_bytes: The most memory that it held at a time.
    """

    ready_s: float
    first_result_s: float
    resident_bytes: int


def compile_code(code: Path) -> None:
    """Compiles the packages' code to bytecode, as pip does; from plain sources an edge would do so at each start.

    Args:
        code: The folder with the packages.
    """
    packages = sorted(str(each.parent.name) for each in code.glob("*/__init__.py"))
    command = [sys.executable, "-m", "compileall", "-q", *packages]
    subprocess.run(command, cwd=code, check=True)


def edge(arguments: Sequence[str], code: Path) -> Started:
    """Runs `dads edge` to its end.

    Args:
        arguments: Its options.
        code: The folder with the packages.

    Raises:
        RuntimeError: It failed; its last messages are in the text.
    """
    command = [sys.executable, "-m", "dads", "edge", *arguments, "--results", "-", "--log-format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    began_s, pipe = time.monotonic(), subprocess.PIPE
    with subprocess.Popen(command, cwd=code, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        results, said = _Lines(process.stdout), _Lines(process.stderr)
        resident_bytes = 0
        while process.poll() is None:
            resident_bytes = max(resident_bytes, _peak_bytes(process.pid))
            time.sleep(_WATCH_S)
        results.join()
        said.join()
    ready_s = next((at_s for at_s, line in said.found if _is_ready(line)), None)
    if process.returncode or ready_s is None or not results.found:
        told = "".join(line for _, line in said.found[-5:])
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}; it said:\n{told}")
    return Started(ready_s - began_s, results.found[0][0] - began_s, resident_bytes)


class _Lines(threading.Thread):
    """Reads lines as they come, each with the time."""

    def __init__(self, stream: IO[str] | None) -> None:
        super().__init__()
        self.found: list[tuple[float, str]] = []
        self._stream = stream
        self.start()

    def run(self) -> None:
        for line in self._stream or ():
            self.found.append((time.monotonic(), line))


def _is_ready(line: str) -> bool:
    try:
        record = json.loads(line)
    except json.JSONDecodeError:  # a line of progress
        return False
    return isinstance(record, dict) and record.get("event") == "run started"


def _peak_bytes(pid: int) -> int:
    """The most memory of a process until now; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)
