"""`dads edge` as a process that is watched: when it is ready for its first frame, and the most memory that it held."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Started", "edge"]


@dataclass(frozen=True, slots=True)
class Started:
    """What was seen of an edge.

    Attributes:
        ready_s: From its start until it reads its first frame.
        first_result_s: From its start to the first result.
        resident_bytes: The most memory that it, or a process of its own, held at a time.
    """

    ready_s: float
    first_result_s: float
    resident_bytes: int


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
    said: list[tuple[float, str]] = []
    with subprocess.Popen(command, cwd=code, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None  # for mypy: both are pipes
        assert process.stderr is not None  # see above
        lines = process.stderr
        reader = threading.Thread(target=lambda: said.extend((time.monotonic(), line) for line in lines))
        reader.start()
        results_s = [time.monotonic() for _ in process.stdout]
        reader.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    ready_s = next((at_s for at_s, line in said if _is_ready(line)), None)
    if process.returncode or ready_s is None or not results_s:
        told = "".join(line for _, line in said[-5:])
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}; it said:\n{told}")
    return Started(ready_s - began_s, results_s[0] - began_s, 1024 * usage.ru_maxrss)


def _is_ready(line: str) -> bool:
    try:
        record = json.loads(line)
    except json.JSONDecodeError:  # a line of progress
        return False
    return isinstance(record, dict) and record.get("event") == "run started"
