"""One decoder process: started when it is first needed, asked for frames, and killed at its end.

Its calls block; they run in threads. `ask` is called by one thread at a time; `start`, `kill` and `end` by any. The
process's answers are not trusted: each must be exactly what was asked for.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from cloud_service.errors import DecoderLostError
from pictures.worker_messages import MOST_TEXT_BYTES, REPLY, Outcome, Request, write_request

__all__ = ["COMMAND", "Answer", "DecoderProcess"]

COMMAND = (sys.executable, "-P", "-m", "pictures.worker")

_SECRETS = "DADS_"  # settings of the service, a token among them, are not for a process that decodes hostile bytes
_PIPE_BYTES = 1024 * 1024
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a frame.

    Attributes:
        outcome: Whether there are pixels, or else why not.
        seconds: Of decoding and preparing.
        pixels: uint8 [1, 3, height, width]; None without.
        text: Why there are none.
    """

    outcome: Outcome
    seconds: float
    pixels: npt.NDArray[np.uint8] | None = None
    text: str = ""


class DecoderProcess:
    """A decoder in a process of its own.

    Args:
        command: Starts it.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._changing = threading.Lock()
        self._asking = threading.Lock()

    def start(self) -> None:
        """Start it, unless it runs or has ended.

        Raises:
            DecoderLostError: The system refuses another process.
        """
        with self._changing:
            if self._process is None and not self._ended:
                try:
                    self._process = subprocess.Popen(  # noqa: S603 # our own module
                        self._command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        bufsize=0,
                        env=_environment(os.environ),
                        start_new_session=True,  # a Ctrl-C at the service's terminal must not end it before its stream
                    )
                except OSError as error:
                    raise DecoderLostError(f"no decoder process can be started: {error.strerror}") from error
                if self._process.stdout is not None:
                    _widen(self._process.stdout)

    @property
    def is_alive(self) -> bool:
        """Whether it may still be asked: it runs, or has not been started yet."""
        process = self._process
        return not self._ended and (process is None or process.poll() is None)

    def ask(self, request: Request) -> Answer:
        """Send the packets of a frame, and wait for it.

        Raises:
            DecoderLostError: The process ended, or answered something else.
        """
        self.start()
        with self._asking:
            process = self._process
            if process is None or self._ended:
                raise DecoderLostError
            try:
                _write(cast("BinaryIO", process.stdin), write_request(request))
                return _read(cast("BinaryIO", process.stdout), request)
            except (OSError, EOFError, ValueError) as error:
                self.kill()
                raise DecoderLostError from error

    def kill(self) -> None:
        """End it now; a thread in `ask` returns with an error."""
        process = self._process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """Kill it, and wait until nothing of it is left. It cannot be started again."""
        with self._changing:
            self._ended = True
        self.kill()
        with self._asking:
            process = self._process
            if process is not None and process.stdin and process.stdout:
                process.wait()
                process.stdin.close()
                process.stdout.close()


def _widen(stream: IO[bytes]) -> None:
    """Make a frame fit in the pipe, so that it is written at once. The system may allow less."""
    with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _environment(known: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in known.items() if not name.startswith(_SECRETS)} | _ONE_THREAD


def _write(stream: BinaryIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]


def _read(stream: BinaryIO, request: Request) -> Answer:
    header = bytearray(REPLY.size)
    _fill(stream, memoryview(header))
    seconds, number, size = REPLY.unpack(header)
    outcome = Outcome(number)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"decoding took {seconds} s")
    if outcome is Outcome.PIXELS:
        pixels = np.empty((1, 3, request.height, request.width), np.uint8)
        if size != pixels.nbytes:
            raise ValueError(f"a frame of {size} bytes; expected {pixels.nbytes}")
        _fill(stream, pixels.data.cast("B"))
        return Answer(outcome, seconds, pixels)
    if size > MOST_TEXT_BYTES:
        raise ValueError(f"a text of {size} bytes; expected at most {MOST_TEXT_BYTES}")
    text = bytearray(size)
    _fill(stream, memoryview(text))
    return Answer(outcome, seconds, text=text.decode(errors="replace"))


def _fill(stream: BinaryIO, left: memoryview) -> None:
    while left:
        count = stream.readinto(left)  # type: ignore[attr-defined] # a raw file; typing has no name for it
        if not count:
            raise EOFError("the process closed its output")
        left = left[count:]
