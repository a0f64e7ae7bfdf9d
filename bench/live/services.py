"""Cloud and edge as two processes at the two ends of a link: what every live benchmark runs on.

    with open_link(20e6, rtt_s=0.02) as link, Live(link, ["torchvision:alexnet"]) as live:
        model = live.load("torchvision:alexnet")
        result = live.run(EdgeRun("torchvision:alexnet", live.address, frames=20))

Each side has one thread: on two cores neither takes the other's.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from bench.links.shaped import Link
from bench.live.run import EdgeModel, EdgeRun, RunResult

__all__ = ["Live"]

_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
_GRACE_S = 20.0


class Live:
    """A context in which the cloud serves models and an edge waits for runs.

    Args:
        link: Between them.
        specs: The models that the cloud serves.
    """

    def __init__(self, link: Link, specs: Sequence[str]) -> None:
        self._link = link
        self._specs = list(specs)
        self._ending = contextlib.ExitStack()
        self.address = ""

    def __enter__(self) -> Self:
        """Starts both; returns when the cloud serves."""
        with contextlib.ExitStack() as starting:
            self._cloud = starting.enter_context(_child(self._link.on_cloud(self._cloud_command())))
            self.address = self._link.dial(self._port())
            self._edge = starting.enter_context(_child(self._link.on_edge([sys.executable, "-m", "bench.live.edge"])))
            self._ending = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends both."""
        self._ending.close()

    def load(self, spec: str) -> EdgeModel:
        """Loads and profiles a model on the edge."""
        self._tell({"ask": "load", "model": spec})
        return EdgeModel.from_json(self._hear())

    def run(self, run: EdgeRun, on_go: Callable[[], None] | None = None) -> RunResult:
        """Runs frames.

        Args:
            run: What to run; its `cloud` is None or this context's `address`.
            on_go: Called when the agent is connected, just before the first frame: the moment to start a trace.

        Raises:
            RuntimeError: The edge failed; its messages are on stderr.
        """
        self._tell({"ask": "run", "run": run.as_json()})
        self._hear()
        if on_go is not None:
            on_go()
        self._tell({"go": True})
        return RunResult.from_json(self._hear())

    def _cloud_command(self) -> list[str]:
        models = [word for spec in self._specs for word in ("--model", spec)]
        listen = ["--listen", self._link.listen, "--threads", "1", "--max-queue", "64", "--insecure"]
        return [sys.executable, "-m", "dads", "cloud", *models, *listen]

    def _port(self) -> int:
        """Waits until the cloud serves every model, and returns its port."""
        lines = self._cloud.stdout
        for _ in self._specs:
            line = "" if lines is None else lines.readline()
            if " on " not in line:
                raise RuntimeError(f"the cloud did not start (exit code {self._cloud.poll()}); see its messages above")
        return int(line.rpartition(":")[2])

    def _tell(self, request: Mapping[str, Any]) -> None:
        if self._edge.stdin is None:
            raise RuntimeError("the edge has no stdin")
        self._edge.stdin.write(json.dumps(request) + "\n")
        self._edge.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        line = "" if self._edge.stdout is None else self._edge.stdout.readline()
        if not line:
            raise RuntimeError(f"the edge ended (exit code {self._edge.wait(_GRACE_S)}); see its messages above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def _child(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A child process with one thread for torch, ended with the context."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **_ONE_THREAD}) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
