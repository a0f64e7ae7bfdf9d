"""A link that runs in a process of its own: started, told rates, asked for counts, ended.

The child reads one JSON object per line from its standard input and answers each with one on its standard output; the
first one it writes says that it is ready. The end of its input ends it, so it never outlives the benchmark.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from link_emulator import Trace


class LinkError(Exception):
    """A link cannot be opened, or broke; the message says why."""


class LinkProcess:
    """The child; a context manager.

    Args:
        module: What to run, as for `python -m`.
        options: Its command line.

    Raises:
        LinkError: On entering: the child ended instead of getting ready.
    """

    def __init__(self, module: str, options: Sequence[str]) -> None:
        self._module = module
        self._command = [sys.executable, "-m", module, *options]

    def __enter__(self) -> Self:
        # A session of its own: an interrupt from the terminal reaches the benchmark alone, which then ends the link.
        self._child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            self._answer()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def play(self, trace: Trace) -> None:
        """Let the uplink follow a trace from now on."""
        self.ask({"times_s": trace.times_s, "rates_bps": trace.rates_bps})

    def ask(self, request: Mapping[str, Any]) -> dict[str, float]:
        """Send a request and wait for its answer.

        Raises:
            LinkError: The child has ended.
        """
        if self._child.stdin is None:
            raise LinkError(f"{self._module} has no input")
        try:
            self._child.stdin.write(json.dumps(request) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError as error:
            raise LinkError(f"{self._module} has ended; what it said is above") from error
        return self._answer()

    def _answer(self) -> dict[str, float]:
        line = self._child.stdout.readline() if self._child.stdout is not None else ""
        if not line:
            raise LinkError(f"{self._module} has ended; what it said is above")
        answer: dict[str, float] = json.loads(line)
        return answer

    def _end(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def trace_in(request: Mapping[str, Any]) -> Trace | None:
    """The trace that a request carries, on the child's side."""
    if "rates_bps" not in request:
        return None
    return Trace(tuple(request["times_s"]), tuple(request["rates_bps"]))
