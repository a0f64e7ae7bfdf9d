"""Which clouds an agent uses, from what its caller gave: one or several, by their addresses or as connections."""

from __future__ import annotations

from collections.abc import Sequence

from edge_service.cloud.client import GrpcCloud
from edge_service.cloud.seam import Cloud
from edge_service.errors import CloudAddressError
from split_model import Model
from split_wire.access import ClientAccess

__all__ = ["MOST_CLOUDS", "Clouds", "cloud_addresses", "connected"]

MOST_CLOUDS = 16
"""Each cloud has a connection that is kept open, and a plan of its own."""

Clouds = str | Cloud | Sequence[str | Cloud] | None
"""What a caller may give: "A,B,C", one cloud, several, or none."""

_LISTS = ("ipv4:", "ipv6:")  # gRPC's own lists of addresses of one service, which hold commas too


def cloud_addresses(text: str) -> tuple[str, ...]:
    """The addresses in a comma-separated list.

    Raises:
        CloudAddressError: one is empty or given twice, or there are too many.

    >>> cloud_addresses("192.0.2.7:50051, 192.0.2.8:50051")
    ('192.0.2.7:50051', '192.0.2.8:50051')
    """
    found = (text,) if text.startswith(_LISTS) else tuple(part.strip() for part in text.split(","))
    _check(found, text)
    return found


def connected(clouds: Clouds, model: Model, access: ClientAccess) -> dict[str, Cloud]:
    """The connections by their names, which are the addresses as they were given; no call is made yet.

    Raises:
        CloudAddressError: an address is empty or given twice, or there are too many.
        AccessError: an address does not fit the access settings, or one of their files cannot be used.
    """
    given: Sequence[str | Cloud]
    if clouds is None:
        given = ()
    elif isinstance(clouds, str):
        given = cloud_addresses(clouds)
    else:
        given = clouds if isinstance(clouds, Sequence) else (clouds,)
    names = [each if isinstance(each, str) else _name(each, len(given), i) for i, each in enumerate(given)]
    _check(names, ",".join(names))
    layers = [layer.name for layer in model.graph.layers]
    return {
        name: GrpcCloud(each, model=model.name, digest=model.digest, layers=layers, access=access)
        if isinstance(each, str)
        else each
        for name, each in zip(names, given, strict=True)
    }


def _name(cloud: Cloud, count: int, number: int) -> str:
    kind = type(cloud).__name__
    return kind if count == 1 else f"{kind} {number}"


def _check(names: Sequence[str], text: str) -> None:
    if len(names) > MOST_CLOUDS:
        raise CloudAddressError(f"{len(names)} clouds are given; expected at most {MOST_CLOUDS}")
    for name in names:
        if not name:
            raise CloudAddressError(f"{text!r} has an empty address; expected HOST:PORT, or HOST:PORT,HOST:PORT,...")
        if names.count(name) > 1:
            raise CloudAddressError(f"{name} is given twice; expected each cloud once")
