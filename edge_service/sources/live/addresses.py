"""Which sources are live, and which way their addresses are read."""

from __future__ import annotations

import os
import re
import stat
import urllib.parse
import urllib.request
from enum import Enum
from pathlib import Path

from edge_service.sources.addresses import masked
from edge_service.sources.errors import SourceFormatError

__all__ = ["Way", "check_address", "host_and_port", "is_direct", "is_live", "way_of", "without_login"]

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


def without_login(address: str) -> tuple[str, str]:
    """User and password of an address as they are written there, and the address without them.

    As FFmpeg takes it: the authority ends at the first of "/?#", and what is before its last "@" is the login.

    >>> without_login("rtsp://anna:s@cret@camera/live@2")
    ('anna:s@cret', 'rtsp://camera/live@2')
    """
    scheme, _, rest = address.partition("://")
    login, at, _ = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")
    return login, f"{scheme}://{rest[len(login + at) :]}"


def check_address(spec: str) -> None:
    """Refuse a live source that can never be connected to.

    Raises:
        SourceFormatError: It names no host, or a port that is none; mostly because of a password that is not escaped.
    """
    if way_of(spec) is Way.DEVICE:
        return
    try:
        parts = urllib.parse.urlsplit(without_login(spec)[1])
        found = (parts.hostname or "").encode("idna") and (parts.port is None or parts.port)
    except ValueError:
        found = False
    if not found:
        raise SourceFormatError(
            f"{masked(spec)} names no host, or no port that can be one; expected "
            "scheme://user:password@host:port/path, with %2F for each / in a password, %3F for ? and %23 for #"
        )


def host_and_port(address: str) -> tuple[str, int] | None:
    """What an address is connected to; None where a proxy is in between, or where FFmpeg alone can read it."""
    try:
        parts = urllib.parse.urlsplit(without_login(address)[1])
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
