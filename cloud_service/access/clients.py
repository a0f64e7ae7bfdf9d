"""Who calls, as far as the server can tell, and how much each caller may have open at a time.

A caller is known by its certificate; without one, by which of several tokens it showed; without these, by the address
it calls from. Callers behind one address are one caller then.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cloud_service.errors import OverloadedError
from cloud_service.statuses import Context

CALLS_WAIT_S = 1.0
"""Until it makes sense to try again where too many calls are open: streams last."""

CURRENT: ContextVar[str] = ContextVar("client", default="")
"""Who the call comes from that this task serves; tasks that it starts inherit it."""


def name_of(context: Context, token: str) -> str:
    """Return a name for whoever makes a call.

    Args:
        context: The call's.
        token: The name of the token it showed; empty where that tells nothing.
    """
    shown = context.auth_context()
    subject = [*shown.get("x509_subject", ()), *shown.get("x509_subject_alternative_name", ())]
    if subject:
        return f"certificate {b' '.join(subject).decode(errors='replace')}"
    # "ipv4:192.0.2.7:50061": the port is another one for each connection.
    return token or context.peer().rpartition(":")[0]


class CallLimit:
    """Counts open calls.

    Args:
        total: Calls open at the same time, of all clients.
        per_client: Of one client.
    """

    def __init__(self, *, total: int, per_client: int) -> None:
        self._total = total
        self._per_client = per_client
        self._open: Counter[str] = Counter()

    @contextmanager
    def held(self, client: str) -> Iterator[None]:
        """Count a call while it is open.

        Raises:
            OverloadedError: too many are open.
        """
        if self._open[client] >= self._per_client:
            raise OverloadedError(
                f"this client has {self._per_client} calls open; expected at most these", retry_after_s=CALLS_WAIT_S
            )
        if self._open.total() >= self._total:
            raise OverloadedError(f"{self._total} calls are open; expected at most these", retry_after_s=CALLS_WAIT_S)
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]  # or the names of all who ever called would stay
