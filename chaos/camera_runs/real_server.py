"""GStreamer's RTSP server between camera and edge, as a process that can be killed and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["GStreamerServer", "NoGStreamerError"]

_PYTHON = "/usr/bin/python3"
_ROOT = Path(__file__).parents[2]


class NoGStreamerError(Exception):
    """GStreamer's server is not installed, or does not start; the message says what it printed."""


class GStreamerServer:
    """A context manager; serves while entered.

    Args:
        source: The camera's own address.
        host: The address to listen on.
    """

    def __init__(self, source: str, host: str) -> None:
        self._source = source
        self._host = host
        with socket.create_server((host, 0)) as listening:
            self._port: int = listening.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """The stream's address."""
        return f"rtsp://{self._host}:{self._port}/stream"

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.power_off()

    def power_on(self) -> None:
        """Start it; returns when it serves.

        Raises:
            NoGStreamerError: It does not start.
        """
        command = [_PYTHON, "-m", "chaos.camera_runs.gstreamer_server", self._source, self._host, str(self._port)]
        # Without this environment's own packages: another Python runs it.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        # A file for what it complains of: a pipe that nobody reads would stop it in the end.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
            try:
                self._process = subprocess.Popen(
                    command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True
                )
            except OSError as error:
                raise NoGStreamerError(f"GStreamer's server does not start: {error}") from error
            if self._process.stdout is None or self._process.stdout.readline() != "serving\n":
                self.power_off()
                complaints.seek(0)
                raise NoGStreamerError(f"GStreamer's server does not start: {complaints.read()[-500:].strip()}")

    def power_off(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def silence(self) -> None:
        """Stop the process; its connections stay open."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def speak(self) -> None:
        """Let the process go on; what it got meanwhile is sent late."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
