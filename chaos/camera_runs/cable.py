"""A network namespace for the edge and a cable to it, which can be pulled out; needs root and iproute2."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence

__all__ = ["Cable", "NoNamespacesError", "cable", "is_possible"]


class NoNamespacesError(Exception):
    """The system makes no network namespace; the message is its own."""


class Cable:
    """A cable from this machine's namespace to the edge's.

    Args:
        name: The edge's namespace.
        device: This side's device.
        network: The first three numbers of the addresses.

    Attributes:
        here: The address of this side.
        prefix: The command that runs another in the edge's namespace.
    """

    def __init__(self, name: str, device: str, network: str) -> None:
        self._device = device
        self.here = f"{network}.1"
        self.there = f"{network}.2"
        self.prefix: Sequence[str] = ("ip", "netns", "exec", name)

    def pull(self) -> None:
        """Pull it out of the camera's machine: packets vanish, connections stay open."""
        _ip("link", "set", self._device, "down")

    def plug(self) -> None:
        """Put it back."""
        _ip("link", "set", self._device, "up")


def is_possible() -> bool:
    """Whether this process may make namespaces."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


@contextlib.contextmanager
def cable(place: int = 0) -> Iterator[Cable]:
    """Make a namespace and a cable, and remove both at the end.

    Args:
        place: Distinguishes the cables of one process, 0 to 3.

    Raises:
        NoNamespacesError: This system does not let it.
    """
    # Addresses and names differ between runs beside each other.
    name, network = f"dads-cam-{os.getpid()}-{place}", f"10.{80 + place}.{os.getpid() % 250}"
    device = f"cam{os.getpid()}-{place}"
    made = Cable(name, device, network)
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", device, "type", "veth", "peer", "name", "cable", "netns", name)
        _ip("address", "add", f"{made.here}/24", "dev", device)
        _ip("-n", name, "address", "add", f"{made.there}/24", "dev", "cable")
        _ip("-n", name, "link", "set", "cable", "up")
        made.plug()
        yield made
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)  # noqa: S607 # of iproute2
    if done.returncode:
        raise NoNamespacesError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
