"""The program that makes the load: `edges.c`, built when it is needed, and the request that its edges send.

An edge in Python costs more than the server's answer does, so Python edges cannot show what a server can answer.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from split_wire import Encoding, encode_tensor
from split_wire.frames import TailRequest, TimedRequest, write_stream_request, write_timed_request

__all__ = ["Edges", "Load", "built", "counted", "message"]

FIRST_NUMBER = 1 << 28
"""Of the frames: its varint has five bytes, and so have those of the ones after it."""

ANSWER_BYTES = 1024
_TIMEOUT_S = 30.0
_LIBRARIES = ("nghttp2", "ssl", "crypto")


class Load(NamedTuple):
    """What the edges do, for so many seconds; without a rate they send whenever an answer has come."""

    tls: bool
    edges: int
    unanswered: int
    rate_hz: float
    seconds: float


class Edges:
    """The built program.

    Args:
        program: Its file.
    """

    def __init__(self, program: Path) -> None:
        self._program = program

    @contextmanager
    def running(self, port: int, request: bytes, load: "Load") -> Iterator["subprocess.Popen[str]"]:
        """The program at work; its first line says that it is warm, its second one what it counted."""
        with tempfile.NamedTemporaryFile(prefix="dads-request-") as file:
            file.write(request)
            file.flush()
            at = request.index(_number()) + 1
            words: list[object] = [
                port,
                int(load.tls),
                load.edges,
                load.unanswered,
                load.rate_hz,
                WARMUP_S,
                load.seconds,
            ]
            words += [file.name, at, ANSWER_BYTES]
            command = [str(self._program), *map(str, words)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # ours
                if (os.cpu_count() or 1) > 1:
                    os.sched_setaffinity(process.pid, set(range((os.cpu_count() or 1) - 1)))
                try:
                    yield process
                finally:
                    process.kill()


WARMUP_S = 1.0
"""Seconds of load before anything counts: plans are made, connections are warm."""


@contextmanager
def built() -> Iterator[Edges]:
    """The program, for as long as the context.

    Raises:
        SystemExit: It cannot be built here.
    """
    with tempfile.TemporaryDirectory(prefix="dads-edges-") as folder:
        program = Path(folder) / "edges"
        source = Path(__file__).with_suffix(".c")
        command = ["cc", "-O2", str(source), "-o", str(program), *(f"-l{name}" for name in _LIBRARIES)]
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False)  # a compiler
        except FileNotFoundError:
            raise SystemExit(
                "no C compiler; install what makes the load: apt install gcc libnghttp2-dev libssl-dev"
            ) from None
        if made.returncode:
            raise SystemExit(
                f"{source.name} cannot be built; install what it needs: apt install libnghttp2-dev libssl-dev\n"
                f"{made.stderr.strip()[:400]}"
            )
        yield Edges(program)


def message(digest: str, layer: str, floats: int, encoding: str) -> bytes:
    """A `StreamTailsRequest` as an edge writes it: half of the values are 0, as behind a ReLU."""
    values = np.maximum(np.random.default_rng(0).standard_normal((1, floats), np.float32), 0)
    tensor = encode_tensor(layer, values, encoding=Encoding(encoding))
    written = write_stream_request(TailRequest("front", digest, FIRST_NUMBER, (tensor,)))
    return write_timed_request(TimedRequest(written, _TIMEOUT_S))


def counted(line: str) -> dict[str, Any]:
    """What the program counted.

    Raises:
        RuntimeError: It failed; what it said is on stderr.
    """
    if not line:
        raise RuntimeError("the edges stopped before they had counted; see their messages above")
    found: dict[str, Any] = json.loads(line)
    return found


def _number() -> bytes:
    return b"\x18\x80\x80\x80\x80\x01"  # the field of FIRST_NUMBER
