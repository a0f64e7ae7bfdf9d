"""Which packets continue a session: those that begin where the ones before ended.

A lost or repeated packet spoils later pictures silently, so a session is over after any gap or repeat. Pure.
"""

from cloud_service.errors import PacketsError
from split_wire import Reason
from split_wire.packets import PacketsToSend

__all__ = ["Numbering"]


class Numbering:
    """The numbers of one stream's packets; no session at first."""

    def __init__(self) -> None:
        self._next: int | None = None

    def take(self, packets: PacketsToSend) -> None:
        """Take the packets of the next request.

        Raises:
            PacketsError: They do not continue the session, and begin none; the session is over.
        """
        if packets.format is None and packets.first != self._next:
            expected, self._next = self._next, None
            raise PacketsError(
                Reason.PACKETS_GAP,
                f"packets from number {packets.first} on"
                + (" without a session" if expected is None else f", where the session's next is {expected}")
                + "; expected a session that begins, with its format, at a keyframe",
            )
        self._next = packets.end

    def end(self) -> None:
        """The session is over."""
        self._next = None
