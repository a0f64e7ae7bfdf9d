"""Addresses that cannot be one edge's: a proxy's, a NAT's, a host's with many edges. The operator is told once of each.

Edges at such an address share one client's limits, and only tokens or certificates tell them apart.
"""

from collections.abc import Iterable

from cloud_service.load.shares import Client
from cloud_service.log import log

CROWD = 8
"""Edges with open calls; where they tell no names, connections. One edge has two or three while it reconnects."""

MAX_ADDRESSES = 64
"""Addresses that are remembered, and told of; more would fill the log."""

_OF_PROXIES = ("via", "forwarded", "x-forwarded-for")
_ENVOY = "x-envoy-"


def passed_a_proxy(headers: Iterable[str]) -> bool:
    """Whether headers of a call are such as proxies add. It is a hint only: any caller can send them."""
    return any(name in _OF_PROXIES or name.startswith(_ENVOY) for name in headers)


class Crowds:
    """The addresses that several edges share."""

    def __init__(self) -> None:
        self._addresses: set[str] = set()

    @property
    def known(self) -> int:
        """Addresses that were found since the start, up to `MAX_ADDRESSES`."""
        return len(self._addresses)

    def note(self, client: Client, edges: int, *, proxied: bool) -> None:
        """Look at one call.

        Args:
            client: Whose call it is.
            edges: Edges of its name that have calls open.
            proxied: Whether the call has headers of a proxy.
        """
        if not client.shared or not (proxied or edges >= CROWD):
            return
        if client.name in self._addresses or len(self._addresses) >= MAX_ADDRESSES:
            return
        self._addresses.add(client.name)
        log.warning(
            "edges at one address share the limits of one client",
            address=client.name,
            because="a proxy forwards its calls" if proxied else f"{edges} edges are connected from it",
            wanted="a token or a certificate for each edge",
        )
