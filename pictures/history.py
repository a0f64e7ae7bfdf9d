"""The packets of a source since its last keyframe: to be sent as they are, or decoded when a picture is asked for.

A source's thread adds packets; any thread may read. Pictures are decoded with a decoder that goes on from the last one
that was asked for, or else from the last keyframe before the picture.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pictures.decoder import PacketDecoder
from pictures.errors import PictureError
from pictures.packets import Packet
from pictures.picture import Picture
from pictures.stream_format import StreamFormat

__all__ = ["Compressed", "PacketHistory"]

_MOST_BYTES = 64 * 1024 * 1024


class PacketHistory:
    """The last packets of one stream, from a keyframe on; safe to use from several threads.

    Args:
        stream_format: The stream's. A source whose format changes begins another history.
        most_bytes: The most that is kept; older packets are forgotten, so that pictures in between cannot be decoded.
    """

    def __init__(self, stream_format: StreamFormat, *, most_bytes: int = _MOST_BYTES) -> None:
        self.format = stream_format
        self._most_bytes = most_bytes
        self._packets: deque[Packet] = deque()
        self._bytes = 0
        self._count = 0
        self._lock = threading.Lock()
        self._decoding = threading.Lock()
        self._decoder: PacketDecoder | None = None
        self._next = 0  # the number that the decoder takes next
        self._ready: dict[int, Callable[[], Picture]] = {}

    def add(self, data: bytes, *, is_keyframe: bool) -> int:
        """Add the next packet, and return its number."""
        with self._lock:
            packet = Packet(self._count, data, is_keyframe)
            self._count += 1
            self._packets.append(packet)
            self._bytes += len(data)
            while self._bytes > self._most_bytes and len(self._packets) > 1:
                self._bytes -= len(self._packets.popleft().data)
        return packet.number

    def forget(self, before: int) -> None:
        """Forget packets that no picture from `before` on needs: those before the last keyframe up to it."""
        start = self.keyframe(before)
        with self._lock:
            while start is not None and self._packets and self._packets[0].number < start:
                self._bytes -= len(self._packets.popleft().data)

    def keyframe(self, number: int) -> int | None:
        """The number of the last keyframe up to a packet; None if none is kept."""
        with self._lock:
            return max(
                (packet.number for packet in self._packets if packet.is_keyframe and packet.number <= number),
                default=None,
            )

    def between(self, first: int, last: int) -> Sequence[Packet] | None:
        """The packets from one number to another, both included; None if some are not kept."""
        with self._lock:
            found = [packet for packet in self._packets if first <= packet.number <= last]
        return found if len(found) == last - first + 1 else None

    def picture(self, number: int, through: int) -> Picture:
        """Decode the picture of a packet; blocks.

        Args:
            number: Its packet.
            through: The last packet that the decoder needs to give it out.

        Raises:
            PictureError: It cannot be decoded.
        """
        with self._decoding:
            if number in self._ready:
                return self._ready.pop(number)()
            if self._decoder is None or self._next > through or self.between(self._next, through) is None:
                self._restart(number)
            packets = self.between(self._next, through)
            if packets is None or self._decoder is None:
                raise PictureError(f"picture {number} cannot be decoded: its packets are not kept any more")
            for packet in packets:
                self._next = packet.number + 1
                self._ready.update(self._decoder.feed(packet))
            found = self._ready.pop(number, None)
            self._ready = {}
        if found is None:
            raise PictureError(f"picture {number} cannot be decoded: the decoder gave nothing out for it")
        return found()

    def _restart(self, number: int) -> None:
        start = self.keyframe(number)
        if start is None:
            raise PictureError(f"picture {number} cannot be decoded: no keyframe before it is kept")
        self._decoder, self._next, self._ready = PacketDecoder(self.format), start, {}


@dataclass(frozen=True, slots=True)
class Compressed:
    """A picture that is still compressed.

    Attributes:
        history: Has its packets.
        number: The packet that holds it.
        through: The last packet that a decoder needs to give it out.
    """

    history: PacketHistory
    number: int
    through: int

    def picture(self) -> Picture:
        """Decode it; blocks.

        Raises:
            PictureError: It cannot be decoded.
        """
        return self.history.picture(self.number, self.through)
