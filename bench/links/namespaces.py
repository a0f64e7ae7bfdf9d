"""Two network namespaces, the edge's and the cloud's, that exist as long as a context.

Names carry the process's id: `dads-bench-<pid>-<count>-edge`. Whoever opens a pair first removes those of processes
that are gone.
"""

import contextlib
import fcntl
import itertools
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

CLOUD_ADDRESS, EDGE_ADDRESS = "10.77.0.1", "10.77.0.2"
DEVICE = "link0"
_NAME = re.compile(r"dads-bench-(\d+)-\d+-(?:edge|cloud)")
_TCP = Path("/proc/sys/net/ipv4")
_ALLOWED = _TCP / "tcp_allowed_congestion_control"
_NAMESPACES = Path("/run/netns")
_count = itertools.count(1)


class LinkError(Exception):
    """A link cannot be opened, or broke; the message says why."""


class NamespacePair(NamedTuple):
    """The names of both namespaces, and TCP's congestion control in them."""

    edge: str
    cloud: str
    congestion: str

    def address_tunnel(self) -> None:
        """Gives both ends of a TUN link (`DEVICE` in each namespace) their addresses and starts them."""
        for name, own, other in ((self.edge, EDGE_ADDRESS, CLOUD_ADDRESS), (self.cloud, CLOUD_ADDRESS, EDGE_ADDRESS)):
            ip("-n", name, "address", "add", own, "peer", other, "dev", DEVICE)
            ip("-n", name, "link", "set", DEVICE, "mtu", "1500", "txqueuelen", "10000", "up")


@contextlib.contextmanager
def open_namespaces(congestion: str | None) -> Iterator[NamespacePair]:
    """Makes both namespaces, with loopback up, and removes them at the end.

    Args:
        congestion: TCP's congestion control in both; None leaves the machine's own.

    Raises:
        LinkError: A command failed, or the kernel has no such congestion control.
    """
    remove_leftovers()
    stem = f"dads-bench-{os.getpid()}-{next(_count)}"
    edge, cloud = f"{stem}-edge", f"{stem}-cloud"
    with contextlib.ExitStack() as stack:
        for name in (edge, cloud):
            stack.callback(_remove, name)
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            # Else the end of one connection's slow start is remembered and the next one is not what it would be alone.
            _sysctl(name, "net/ipv4/tcp_no_metrics_save", "1")
            _sysctl(name, "net/ipv6/conf/all/disable_ipv6", "1")
        if congestion is not None:
            _set_congestion((edge, cloud), congestion)
        yield NamespacePair(edge, cloud, congestion or machine_congestion())


def machine_congestion() -> str:
    return (_TCP / "tcp_congestion_control").read_text(encoding="ascii").strip()


def remove_leftovers() -> None:
    """Removes the namespaces of benchmarks that are gone, and ends what a killed one left running in them."""
    for line in ip("netns", "list").splitlines():
        match = _NAME.match(line)
        if match and not Path(f"/proc/{match[1]}").exists():
            with contextlib.suppress(LinkError):  # another benchmark that starts at the same time may be faster
                for pid in ip("netns", "pids", match[0]).split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGTERM)
            _remove(match[0])


def ip(*arguments: str) -> str:
    """Runs iproute2's `ip`; returns what it printed.

    Raises:
        LinkError: It failed.
    """
    return run(["ip", *arguments])


def run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LinkError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _remove(name: str) -> None:
    path = _NAMESPACES / name
    if path.exists():
        try:
            ip("netns", "delete", name)
        except LinkError:
            if path.exists():  # else another benchmark that starts at the same time was faster
                raise


def _set_congestion(namespaces: Sequence[str], congestion: str) -> None:
    available = (_TCP / "tcp_available_congestion_control").read_text(encoding="ascii").split()
    if congestion not in available:
        raise LinkError(f"this kernel has no congestion control {congestion!r}; it has {', '.join(available)}")
    with _alone():
        # A namespace may choose only among what the machine allows everybody; it keeps its choice when that changes
        # back.
        allowed = _ALLOWED.read_text(encoding="ascii")
        try:
            if congestion not in allowed.split():
                _ALLOWED.write_text(f"{allowed.strip()} {congestion}\n", encoding="ascii")
            for name in namespaces:
                _sysctl(name, "net/ipv4/tcp_congestion_control", congestion)
        finally:
            if congestion not in allowed.split():
                _ALLOWED.write_text(allowed, encoding="ascii")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keeps out other links that are being opened: the machine has one list of what is allowed."""
    directory = os.open(_NAMESPACES, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _sysctl(namespace: str, key: str, value: str) -> None:
    run(["ip", "netns", "exec", namespace, "sh", "-c", 'printf %s "$1" > "$2"', "sh", value, f"/proc/sys/{key}"])
