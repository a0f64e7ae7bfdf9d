"""Clients: how the server identifies them, and the limit on their open calls.

A client is identified by its certificate; without one, by its token if the server accepts several; otherwise by its IP
address, so that all callers behind one address are one client.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cloud_service.errors import OverloadedError
from cloud_service.statuses import Context

CALLS_WAIT_S = 1.0
"""Seconds until a retry may succeed when too many calls are open; longer than for the queue, because streams last."""

CURRENT: ContextVar[str] = ContextVar("client", default="")
"""The client whose call this task serves; tasks that it starts inherit the value."""


def name_of(context: Context, token: str) -> str:
    """Return a name for the client of a call.

    Args:
        context: The call's context.
        token: The name of the call's token; empty if it does not identify the client.
    """
    shown = context.auth_context()
    subject = [*shown.get("x509_subject", ()), *shown.get("x509_subject_alternative_name", ())]
    if subject:
        return f"certificate {b' '.join(subject).decode(errors='replace')}"
    # Without the port of "ipv4:192.0.2.7:50061", which changes with each connection.
    return token or context.peer().rpartition(":")[0]


class CallLimit:
    """Limits open calls.

    Args:
        total: Calls of all clients open at the same time.
        per_client: Calls of one client open at the same time.
    """

    def __init__(self, *, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._open: Counter[str] = Counter()

    @contextmanager
    def held(self, client: str) -> Iterator[None]:
        """Count a call while it is open.

        Raises:
            OverloadedError: too many calls are open.
        """
        if self._open[client] >= self._per_client:
            raise OverloadedError(
                f"this client has {self._per_client} calls open; expected at most that many", retry_after_s=CALLS_WAIT_S
            )
        if self._open.total() >= self._total:
            raise OverloadedError(
                f"{self._total} calls are open; expected at most that many", retry_after_s=CALLS_WAIT_S
            )
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]  # otherwise the counter would keep every client's name
