"""The HTTP proxy that gRPC takes from the environment: never for loopback, and named where a connection fails.

References:
    grpc/grpc, src/core/handshaker/http_connect/http_proxy_mapper.cc: the variables, in lower case only, and how
    no_proxy is read. It knows no exception for loopback.
"""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from split_wire.access.client_access import is_loopback

__all__ = ["proxy_options", "through_proxy"]

_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXCEPTIONS = ("no_grpc_proxy", "no_proxy")


def proxy_options(address: str) -> tuple[tuple[str, int], ...]:
    """Return the gRPC channel options that keep a loopback address away from proxies.

    Args:
        address: The server's, as host:port.
    """
    return (("grpc.enable_http_proxy", 0),) if is_loopback(_host(address)) else ()


def through_proxy(address: str, environment: Mapping[str, str] | None = None) -> str:
    """Name the proxy of a connection, for an error's message; empty if there is none.

    Args:
        address: The server's, as host:port.
        environment: By default the process's.
    """
    known = os.environ if environment is None else environment
    name = next((name for name in _PROXIES if known.get(name)), None)
    host = _host(address)
    if name is None or is_loopback(host) or _is_excepted(host, known):
        return ""
    return f" (through the proxy {_without_user(known[name])} of {name}; no_proxy names hosts that need none)"


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _is_excepted(host: str, environment: Mapping[str, str]) -> bool:
    listed = next((environment[name] for name in _EXCEPTIONS if environment.get(name)), "")
    return any(_fits(host, each.strip()) for each in listed.split(",") if each.strip())


def _fits(host: str, excepted: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(excepted, strict=False)
    except ValueError:
        return host.lower().endswith(excepted.lower())


def _without_user(proxy: str) -> str:
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
