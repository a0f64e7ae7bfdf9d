"""Clients: how the server identifies them, and the limit on their open calls.

A client is identified by its certificate; without one, by its token if the server accepts several; otherwise by its IP
address, so that all callers behind one address are one client. They share its limits by the name that each edge chooses
(`dads-edge`) or, without a name, by their connections.

No header of a proxy identifies anybody: any caller can send one.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cloud_service.errors import OverloadedError
from cloud_service.load.shares import NOBODY, Client, Shares
from cloud_service.statuses import Context, told
from split_wire.transport import EDGE_KEY

CALLS_WAIT_S = 1.0
"""Seconds until a retry may succeed when too many calls are open; longer than for the queue, because streams last."""

_EDGE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

CURRENT: ContextVar[Client] = ContextVar("client", default=NOBODY)
"""The client whose call this task serves; tasks that it starts inherit the value."""


def client_of(context: Context, token: str) -> Client:
    """Return the client of a call.

    Args:
        context: The call's context.
        token: The name of the call's token; empty if it does not identify the client.
    """
    shown = context.auth_context()
    subject = [*shown.get("x509_subject", ()), *shown.get("x509_subject_alternative_name", ())]
    # "ipv4:192.0.2.7:50061"; the port changes with each connection.
    address, _, port = context.peer().rpartition(":")
    named = told(context, EDGE_KEY) or ""
    edge = named if _EDGE_NAME.fullmatch(named) else f":{port}"  # no name begins so
    if subject:
        return Client(f"certificate {b' '.join(subject).decode(errors='replace')}", edge)
    return Client(token, edge) if token else Client(address, edge, shared=True)


class CallLimit:
    """Limits open calls.

    Args:
        total: Calls of all clients open at the same time.
        per_client: Calls of one client open at the same time, and of one edge at an address.
        per_address: Calls of one address open at the same time.
    """

    def __init__(self, *, total: int, per_client: int, per_address: int) -> None:
        self._total = total
        self._open = 0
        self._shares = Shares(
            per_client=per_client,
            per_address=per_address,
            text="{who} has {held} calls open",
            option="--max-calls-per-client",
            retry_after_s=CALLS_WAIT_S,
        )

    @property
    def open(self) -> int:
        """Calls that are open now."""
        return self._open

    def edges(self, client: Client) -> int:
        """How many edges have calls open under a client's name."""
        return self._shares.edges(client)

    @contextmanager
    def held(self, client: Client) -> Iterator[None]:
        """Count a call while it is open.

        Raises:
            OverloadedError: too many calls are open.
        """
        if self._open >= self._total:
            raise OverloadedError(
                f"{self._total} calls are open; expected at most that many", retry_after_s=CALLS_WAIT_S
            )
        self._shares.take(client, time.monotonic())
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._shares.give_back(client)
