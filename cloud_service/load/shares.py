"""Shares of limited places: what one client may hold, and each edge of an address that several edges share.

Laws:
    * A client holds at most its limit, and an edge of an address at most what a client alone may hold. An edge chooses
      its name itself, so the name raises no limit.
    * Once an address is full, for `CONTENDED_S` none of its edges takes more than an equal share. Places become free as
      calls and frames end, and go to the edges that found none. Without contention nobody is held to a share.
    * What is remembered is bounded: names of edges that hold places, and `MAX_WAITING` that found none.
"""

from dataclasses import dataclass, field

from cloud_service.errors import OverloadedError

CONTENDED_S = 2.0
"""Seconds during which shares are equal, after an edge found its address full; longer than a retry takes."""

MAX_WAITING = 1024


@dataclass(frozen=True, slots=True)
class Client:
    """Whose call it is.

    Attributes:
        name: What the server knows it by.
        edge: Which one it is of those who share the name. It chooses that itself, so it gives no rights.
        shared: Whether the name is an address, so that several edges may be behind it.
    """

    name: str
    edge: str = ""
    shared: bool = False


NOBODY = Client("")
"""The server itself."""


@dataclass(slots=True)
class _Held:
    places: int = 0
    by_edge: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)
    contended_until_s: float = 0.0

    def found_none(self, edge: str, now_s: float) -> None:
        self.contended_until_s = now_s + CONTENDED_S
        if len(self.waiting) >= MAX_WAITING:
            self.waiting = {name: until_s for name, until_s in self.waiting.items() if until_s > now_s}
        if len(self.waiting) < MAX_WAITING:
            self.waiting[edge] = self.contended_until_s

    def edges(self, now_s: float) -> int:
        return len(self.by_edge) + sum(
            until_s > now_s and edge not in self.by_edge for edge, until_s in self.waiting.items()
        )


class Shares:
    """Counts the places of clients.

    Args:
        per_client: Places of one client, and of one edge at an address.
        per_address: Places of one address.
        text: What is counted, with `{held}` and `{who}`, for a refusal.
        option: The option that raises the limit.
        retry_after_s: Seconds after which a refused caller may try again.
    """

    def __init__(self, *, per_client: int, per_address: int, text: str, option: str, retry_after_s: float) -> None:
        self._per_client = per_client
        self._per_address = per_address
        self._text = text
        self._cure = f"expected a token of its own for each edge, or a larger {option}"
        self._retry_after_s = retry_after_s
        self._clients: dict[str, _Held] = {}

    def edges(self, client: Client) -> int:
        """How many edges of a client's name hold places now."""
        held = self._clients.get(client.name)
        return 0 if held is None else len(held.by_edge)

    def take(self, client: Client, now_s: float) -> None:
        """Take a place.

        Raises:
            OverloadedError: the client, its address or its share of the address holds too many.
        """
        why = self.why_not(client, now_s)
        if why:
            raise OverloadedError(why, retry_after_s=self._retry_after_s)
        self.hold(client)

    def why_not(self, client: Client, now_s: float) -> str:
        """Return why a client gets no place now; empty if it may `hold` one."""
        held = self._clients.get(client.name)
        if held is None:
            return ""
        most = self._per_address if client.shared else self._per_client
        if held.places >= most:
            held.found_none(client.edge, now_s)
            return self._full(held, most, now_s)
        own = held.by_edge.get(client.edge, 0)
        return self._edge_full(held, own, most, now_s) if client.shared and own else ""

    def hold(self, client: Client) -> None:
        """Take a place that `why_not` allowed."""
        held = self._clients.get(client.name)
        if held is None:
            held = self._clients[client.name] = _Held()
        held.places += 1
        held.by_edge[client.edge] = held.by_edge.get(client.edge, 0) + 1
        held.waiting.pop(client.edge, None)

    def give_back(self, client: Client) -> None:
        """Give a place back."""
        held = self._clients[client.name]
        held.places -= 1
        held.by_edge[client.edge] -= 1
        if not held.by_edge[client.edge]:
            del held.by_edge[client.edge]  # otherwise every name would be kept
        if not held.places:
            del self._clients[client.name]

    def _edge_full(self, held: _Held, own: int, most: int, now_s: float) -> str:
        if own >= self._per_client:
            return self._told("this client", own, f"expected at most {self._per_client}")
        if now_s >= held.contended_until_s:
            return ""
        edges = held.edges(now_s)
        share = max(1, most // edges)
        if own < share:
            return ""
        why = f"{edges} edges share the limit of {most} of their address"
        return self._told("this edge", own, f"its share is {share}: {why}; {self._cure}")

    def _full(self, held: _Held, most: int, now_s: float) -> str:
        edges = held.edges(now_s)
        if edges < 2:
            return self._told("this client", held.places, f"expected at most {most}")
        return self._told("this address", held.places, f"{edges} edges share its limit of {most}; {self._cure}")

    def _told(self, who: str, held: int, expected: str) -> str:
        return f"{self._text.format(held=held, who=who)}; {expected}"
