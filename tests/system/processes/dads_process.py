"""Starting `dads` commands as real processes, and waiting for what they print."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, Queue

START_LIMIT_S = 120.0


class DadsProcess:
    """A `dads` command in a process of its own; a context manager that ends it."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dads", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        self._lines: Queue[str] = Queue()
        self.printed: list[str] = []
        self.errors: list[str] = []
        self._threads = [
            threading.Thread(target=self._pump, args=(self._process.stdout, self._lines.put), daemon=True),
            threading.Thread(target=self._pump, args=(self._process.stderr, self.errors.append), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "DadsProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait(30)

    @staticmethod
    def _pump(pipe, put: Callable[[str], None]) -> None:
        for line in pipe:
            put(line.rstrip("\n"))
        pipe.close()

    def line(self, fits: Callable[[str], bool], limit_s: float = START_LIMIT_S) -> str:
        """The next line on stdout that fits; those before it are kept in `printed`."""
        deadline_s = time.monotonic() + limit_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline_s - time.monotonic()))
            except Empty:
                raise AssertionError(f"no such line within {limit_s} s; stderr: {self.errors[-20:]}") from None
            self.printed.append(line)
            if fits(line):
                return line

    def logged(self, fits: Callable[[str], bool], limit_s: float = START_LIMIT_S) -> str:
        """The first line on stderr that fits."""
        deadline_s = time.monotonic() + limit_s
        while True:
            is_over = self._process.poll() is not None or time.monotonic() >= deadline_s
            for line in self.errors:
                if fits(line):
                    return line
            assert not is_over, f"ended, or not logged within {limit_s} s; stderr: {self.errors[-20:]}"
            time.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, limit_s: float = START_LIMIT_S) -> int:
        """The exit code; all output is in `printed` and `errors` afterwards."""
        code = self._process.wait(limit_s)
        for thread in self._threads:
            thread.join(10)
        while not self._lines.empty():
            self.printed.append(self._lines.get_nowait())
        return code


def start_cloud(*arguments: str, environment: dict[str, str] | None = None) -> tuple[DadsProcess, str]:
    """A cloud that serves, and its address."""
    cloud = DadsProcess("cloud", *arguments, environment=environment)
    try:
        line = cloud.line(lambda line: line.startswith("serving "))
    except BaseException:
        cloud.__exit__()
        raise
    return cloud, line.rpartition(" on ")[2]
