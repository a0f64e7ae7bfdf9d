"""Which sources are live, and which way their addresses are read."""

from __future__ import annotations

import os
import stat
import urllib.parse
import urllib.request
from enum import Enum
from pathlib import Path

from edge_service.sources.addresses import masked

__all__ = ["Way", "host_and_port", "is_direct", "is_live", "way_of"]

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_VIDEO4LINUX = 81  # the major number of its devices


class Way(Enum):
    """How a live source is read."""

    RTSP = "rtsp"
    HTTP = "http"
    DEVICE = "device"


def way_of(spec: str) -> Way | None:
    """The way of a live source; None where `spec` is none."""
    scheme = spec.partition("://")[0].lower() if "://" in spec else ""
    if scheme in ("rtsp", "rtsps"):
        return Way.RTSP
    if scheme in ("http", "https"):
        return Way.HTTP
    # A camera that is not plugged in yet is known by its name; one by another name is known by what it is.
    return Way.DEVICE if spec.startswith(("/dev/video", "/dev/v4l/")) or _is_camera(spec) else None


def is_live(spec: str) -> bool:
    """Whether a source is a camera or a stream, and no file, folder or clip."""
    return way_of(spec) is not None


def host_and_port(address: str) -> tuple[str, int] | None:
    """What an address is connected to; None where a proxy is in between, or where FFmpeg alone can read it."""
    try:
        parts = urllib.parse.urlsplit(masked(address))  # passwords may hold what should have been escaped
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if not host or (scheme in urllib.request.getproxies() and not is_direct(host)):
        return None
    return host, port or _PORTS[scheme]


def is_direct(host: str) -> bool:
    """Whether a host is connected to without a proxy: this machine always is."""
    return host in ("localhost", "::1") or host.startswith("127.") or bool(urllib.request.proxy_bypass(host))


def _is_camera(spec: str) -> bool:
    try:
        status = Path(spec).stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) == _VIDEO4LINUX
