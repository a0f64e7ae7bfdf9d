"""How often a tensor's bytes are copied between the edge's array and the cloud's tensor: counted, not timed.

Run with `make bench ARGS=copies` (ten seconds; needs a C compiler). Both processes run with a library in front of the C
library that adds up what memcpy and memmove copy (`count_copies.c`); divided by the tensor's size, that is the number
of copies. What the kernel copies, once into a socket and once out of it, is not among them.

Counted are `StreamTails` and `RunTail` as the agent and grpcurl use them, the same call with protobuf's generated
classes as one would write it, and our own part alone: from the array to the bytes that gRPC is given, and from those
that gRPC gives to a torch tensor.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.copies.ends import SIZE_BYTES
from bench.copies.report import report
from bench.publishing.publish import arguments, carry_out

COUNTER = Path(__file__).with_name("count_copies.c")
CALLS, PARTS = ("stream", "unary", "generated"), ("written", "read")
TIMES, WARMUP = 5, 2
_THIS = (sys.executable, "-m", "bench.copies.ends")


class End:
    """One of the processes: a line in, a number out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, line: str) -> int:
        """Says a line and returns the answer.

        Raises:
            RuntimeError: It ended.
        """
        if self._process.stdin is None:
            raise RuntimeError("the process has no stdin")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.hear()[0]

    def hear(self) -> list[int]:
        """Returns the next line that is numbers; the service logs among them.

        Raises:
            RuntimeError: It ended.
        """
        for line in self._process.stdout or ():
            words = line.split()
            if words and all(word.isdecimal() for word in words):
                return list(map(int, words))
        raise RuntimeError(f"the process ended (exit code {self._process.wait()}); see its messages above")


@contextlib.contextmanager
def counting(compiler: str) -> Iterator[dict[str, str]]:
    """Compiles the counter; gives the environment in which a process counts what it copies."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "count_copies.so")
        command = [compiler, "-O2", "-fPIC", "-shared", "-fno-builtin", str(COUNTER), "-o", str(library), "-ldl"]
        subprocess.run(command, check=True)
        yield {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def started(arguments: list[str], environment: dict[str, str]) -> Iterator[End]:
    pipe = subprocess.PIPE
    with subprocess.Popen([*_THIS, *arguments], stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        try:
            yield End(process)
        finally:
            process.terminate()


def measure(compiler: str) -> dict[str, Any]:
    """Counts every way."""
    rows = []
    with counting(compiler) as environment, started(["--serve"], environment) as cloud:
        service, generated = (f"127.0.0.1:{port}" for port in cloud.hear())
        with started(["--service", service, "--generated", generated], environment) as edge:
            edge.hear()
            for way in CALLS + PARTS:
                edge.ask(f"{way} {WARMUP}")
                before = cloud.ask("copied")
                edge_bytes = edge.ask(f"{way} {TIMES}")
                cloud_bytes = cloud.ask("copied") - before
                rows.append({"way": way, "edge_bytes": edge_bytes, "cloud_bytes": cloud_bytes if way in CALLS else 0})
    return {"size_bytes": SIZE_BYTES, "times": TIMES, "rows": rows}


def main() -> None:
    options = arguments("How often a tensor's bytes are copied.").parse_args()
    compiler = shutil.which("cc")
    if compiler is None and not options.render:
        print("copies are not counted: that needs a C compiler, cc", flush=True)
        return
    carry_out("copies", options, lambda _: measure(compiler or "cc"), report)


if __name__ == "__main__":
    main()
